/** Notices: webhooks that say what a sync did. Each receiver is told on its own; none delays a sync or another. */
import { createWebhookSender, type SenderParts } from '../connectors/webhook/send.ts'
import type { Engine } from '../engine/engine.ts'
import type { Journal, Seq } from '../engine/journal.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import { asAppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { fullJitter, type Random } from '../kernel/retry.ts'
import type { Hook } from '../registries/hooks.ts'
import { createTeller, type Teller } from './teller.ts'

export { notices } from './tables.ts'

export interface NotifierParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly engine: Pick<Engine, 'fence' | 'status'>
  readonly version: string
  readonly hooks: readonly (Hook & { readonly sync: string; readonly registry: string })[]
  readonly resolve?: SenderParts['resolve']
}

export interface Notifier {
  /** Before the engine starts: what that does first is told, too. */
  start(): void
  /** What is being sent is cut off, and sent again by whoever comes next. */
  stop(): Promise<void>
}

/** Nobody is told of anything later than this after it could have been noticed. */
const longestWait: Ms = 60_000
const backoff = { first: 500, most: 30_000 }

export function createNotifier(parts: NotifierParts): Notifier {
  const { journal, clock, random, logger, metrics, engine, version, hooks, resolve } = parts
  const labels = ['sync', 'hook'] as const
  const sent = metrics.counter('regista_notify_total', 'Tries to deliver a notice, by what became of them.', [
    ...labels,
    'result',
  ])
  const tellers = new Map<string, { readonly teller: Teller; readonly labels: { sync: string; hook: string } }>()
  metrics.gauge('regista_notify_pending', 'Whether something is to be told that has not arrived.', labels, (gauge) => {
    for (const { teller, labels: of } of tellers.values()) gauge.set(of, teller.pending() ? 1 : 0)
  })
  const send = createWebhookSender({ clock, version, ...(resolve && { resolve }) })
  let beganAt: Promise<Seq> | null = null
  // Asked again where it could not be read: then what happened meanwhile is not told to a new receiver.
  const began = () =>
    (beganAt ??= journal.head().then(
      ({ seq }) => seq,
      (thrown: unknown) => {
        beganAt = null
        throw thrown
      },
    ))
  for (const hook of hooks) {
    const of = { sync: hook.sync, hook: hook.name }
    const count = (result: string) => sent.inc({ ...of, result })
    const teller = createTeller({ journal, clock, random, logger, engine, send, hook, began, count })
    tellers.set(JSON.stringify(of), { teller, labels: of })
  }
  const stopping = new AbortController()
  let loops: readonly Promise<void>[] = []
  let wakers: readonly (() => unknown)[] = []
  let unsubscribe = () => {}

  function run(teller: Teller, of: object): { readonly loop: Promise<void>; readonly wake: () => unknown } {
    let woken = new AbortController()
    let heeds = true
    const loop = async () => {
      let failures = 0
      while (!stopping.signal.aborted) {
        // Before the ledger is read: what moves it meanwhile is not slept through.
        woken = new AbortController()
        heeds = true
        let wait: Ms | null
        try {
          wait = await teller.turn(stopping.signal)
          failures = 0
        } catch (thrown) {
          if (stopping.signal.aborted) return
          const error = asAppError(thrown)
          logger[error.class === 'bug' ? 'error' : 'debug']({ ...of, err: error }, 'telling failed')
          wait = fullJitter(failures, backoff, random)
          failures += 1
        }
        // Until then only time helps.
        heeds = wait === null
        const until = heeds ? AbortSignal.any([woken.signal, stopping.signal]) : stopping.signal
        await clock.sleep(wait ?? longestWait, until)
      }
    }
    return { loop: loop(), wake: () => heeds && woken.abort() }
  }

  return {
    start() {
      if (tellers.size === 0) return
      began().catch(() => {})
      const running = [...tellers.values()].map(({ teller, labels: of }) => run(teller, of))
      loops = running.map(({ loop }) => loop)
      wakers = running.map(({ wake }) => wake)
      unsubscribe = journal.subscribe(() => wakers.forEach((wake) => wake()))
    },
    async stop() {
      unsubscribe()
      stopping.abort()
      await Promise.all(loops)
    },
  }
}
