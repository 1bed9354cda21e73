/** Webhooks: who sent it, whether it is true, what it says, which stages it is for. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Route } from '../../../kernel/route.ts'
import type { HookOutcome } from '../metrics.ts'
import { createAddresses, shownPath, type NamedHook } from './addresses.ts'
import { createAllowance, type Allowance } from './allowance.ts'
import type { HookConfig } from './config.ts'
import { followHookEvents, takenEvent, takenOf, type Taken } from './follow.ts'
import { createIntake, type IntakeOptions, type Took } from './intake.ts'
import type { Home } from './match.ts'
import { isProven, proofsOf } from './proof.ts'
import { hookRoute, mostBytes } from './route.ts'
import type { Delivery, Fields, Sender } from './sender.ts'
import { senderBefore, senderOf } from './senders.ts'
import { createTally, mostRecent, type HookTally } from './tally.ts'

export interface HooksOptions extends Pick<IntakeOptions, 'stages' | 'hint' | 'mostWaiting'> {
  /** By name, as config.ts has them. */
  readonly settings: Readonly<Record<string, HookConfig>>
  readonly home: (registry: string) => Home | null
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** What nobody can guess, each time another. */
  readonly newId: () => string
  /** metrics.ts `measureHooks`. */
  readonly measure: (hook: string, outcome: HookOutcome, count?: number) => void
}

export interface Hooks {
  readonly routes: readonly Route[]
  /** Reads what was told of last, and learns from here on what other replicas take. */
  start(): Promise<void>
  describe(): readonly HookShown[]
  /** What was told of last, the newest first. `matched: 0`: no stage follows it. */
  recent(): readonly Taken[]
  close(): Promise<void>
}

export interface HookShown extends HookTally {
  readonly name: string
  readonly type: string
  readonly registry: string
  /** hmac, header, id. */
  readonly proof: string
  /** null: its address is a secret. */
  readonly path: string | null
}

/** Of a hook that anybody may use who knows its address. */
const unsigned = { atOnce: 100, perSecond: 5 }

/** What was told of before this process began is shown for so long. */
const shownFor: Ms = 24 * 3_600_000

export function createHooks(options: HooksOptions): Hooks {
  const { settings, home, journal, clock, logger, newId } = options
  const find = createAddresses(settings, newId())
  const tally = createTally(options)
  const intake = createIntake({ ...options, tally, replica: newId() })
  const allowances = new Map<string, Allowance>()
  const following = followHookEvents({ journal, clock, logger, onEvent: follow })

  function follow(event: Taken): void {
    const place = home(event.registry)
    if (place !== null) intake.follow(event, place)
  }

  function refuse(hook: string, why: 'refused' | 'invalid' | 'too-many', detail: string, error: AppError): AppError {
    tally.failed(hook, why, detail)
    return error
  }

  function limit({ name, secrets, header }: NamedHook): void {
    if (secrets !== undefined || header !== undefined) return
    const allowance = allowances.get(name) ?? createAllowance(unsigned, clock)
    allowances.set(name, allowance)
    const wait = allowance.take()
    if (wait === 0) return
    const retryAfter = Math.ceil(wait / 1000)
    const error = new AppError('request.too-many', `Try again in ${retryAfter} s.`, { data: { retryAfter } })
    throw refuse(name, 'too-many', 'more came than a hook may send that is known by its address alone', error)
  }

  function payloadOf(
    hook: NamedHook,
    sender: Sender | null,
    delivery: Delivery,
  ): { bytes: Uint8Array; fields: Fields } {
    const bytes = sender?.payload?.(delivery) ?? delivery.body
    const fields = objectOf(bytes)
    if (fields !== null) return { bytes, fields }
    const error = new AppError('request.invalid', 'The body is no JSON object.')
    throw refuse(hook.name, 'invalid', 'what came is no JSON object', error)
  }

  async function take(address: string, delivery: Delivery): Promise<Took> {
    const hook = find(address)
    if (hook === null) throw new AppError('request.not-found', 'There is no such webhook.')
    const { name, type, registry } = hook
    limit(hook)
    if (delivery.body.length > mostBytes) {
      const error = new AppError('request.too-large', `A webhook has at most ${mostBytes} bytes.`)
      throw refuse(name, 'invalid', 'what came is too large', error)
    }
    const before = senderBefore(type, delivery.headers)
    if (!isProven(hook, before, delivery, clock.now())) {
      const error = new AppError('request.unauthenticated', 'It does not prove where it comes from.')
      throw refuse(name, 'refused', 'the signature or header is missing or wrong', error)
    }
    const { bytes, fields } = payloadOf(hook, before, delivery)
    const sender = before ?? senderOf(fields)
    const place = home(registry)
    if (sender === null || place === null) {
      const error = new AppError('request.invalid', 'It is nothing that a registry sends.')
      throw refuse(name, 'invalid', 'what came is of no sender that is known', error)
    }
    tally.heard(name)
    return intake.take(name, place, sender.read(fields, delivery.headers), bytes)
  }

  return {
    routes: [hookRoute(take)],
    async start() {
      const since = clock.now() - shownFor
      const events = await journal.events({ type: takenEvent, since, last: true, limit: mostRecent })
      for (const { at, data } of events.toReversed()) tally.taken(takenOf(at, data))
      if (journal.shared === true) await following.start()
    },
    describe: () =>
      Object.entries(settings).map(([name, hook]) => ({
        name,
        type: hook.type,
        registry: hook.registry,
        proof: proofsOf(hook),
        path: shownPath({ name, ...hook }),
        ...tally.of(name),
      })),
    recent: tally.recent,
    async close() {
      await following.stop()
      await intake.close()
    },
  }
}

function objectOf(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
  } catch {
    return null
  }
}
