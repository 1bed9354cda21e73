/**
 * Tells one receiver of one sync. A notice is fixed in the ledger before it is sent and sent again until it
 * has arrived, so that every try, also by another process, has the same id and the same bytes, and none is
 * overtaken by the next.
 */
import type { SendWebhook } from '../connectors/webhook/send.ts'
import type { Engine } from '../engine/engine.ts'
import { put, quietly, type Fence, type Journal, type Seq, type Stored } from '../engine/journal.ts'
import { deliveries, scopes, targets } from '../engine/tables.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import { sha256 } from '../kernel/digest.ts'
import { asAppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import { fullJitter, type Random } from '../kernel/retry.ts'
import type { Hook } from '../registries/hooks.ts'
import { gather, type Gathering } from './gathering.ts'
import { notices, type NoticeRow } from './tables.ts'

export type Result = 'sent' | 'failed' | 'abandoned' | 'disabled'

export interface TellerParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly engine: Pick<Engine, 'fence' | 'status'>
  readonly send: SendWebhook
  readonly hook: Hook & { readonly sync: string; readonly registry: string }
  /** Where the ledger stood when this process began: a new receiver is told of what happens from then on. */
  began(): Promise<Seq>
  count(result: Result): void
}

export interface Teller {
  /** Does what can be done now; answers after how long more may be, null: once the ledger has moved. */
  turn(signal: AbortSignal): Promise<Ms | null>
  /** Something is to be told and has not arrived. */
  pending(): boolean
}

/** What happens together is told together: this long nothing more, and no pass that runs. */
const quiet: Ms = 300
/** Told all the same after this long. */
const patience: Ms = 30_000
const retry = { first: 1_000, most: 300_000 }
const giveUp: Ms = 24 * 3_600_000
/** How often it is asked whether this process runs the sync; costs nothing. */
const ownerRetry: Ms = 500
/** A cursor this far behind what was looked at is written although there is nothing to tell. */
const farBehind = 5_000
const page = 1_000

export function createTeller(parts: TellerParts): Teller {
  const { journal, clock, random, logger, engine, send, hook } = parts
  const { sync } = hook
  const where = { sync, hook: hook.name }
  const address = sha256(hook.url)
  /** What this process knows under the fence it has; another may have gone on meanwhile. */
  let under: { readonly token: number; row: NoticeRow; gathering: Gathering } | null = null
  let firstAt: Ms | null = null
  let lastAt: Ms = 0

  async function take(fence: Fence): Promise<NonNullable<typeof under>> {
    if (under?.token === fence.token) return under
    const known = await journal.get(notices, where)
    const stored = known === null ? null : rowOf(known)
    const row = stored?.address === address ? stored : await begin(fence, stored)
    firstAt = null
    under = { token: fence.token, row, gathering: gather(row.cursor) }
    return under
  }

  async function begin(fence: Fence, stored: NoticeRow | null): Promise<NoticeRow> {
    const fresh = { ...where, cursor: await parts.began(), ok: null, ...nothing }
    const row: NoticeRow = { ...(stored?.state === 'open' ? stored : fresh), address, state: 'open' }
    await journal.commit([], { fence, quiet: [quietly(notices, row)] })
    return row
  }

  async function save(fence: Fence, row: NoticeRow): Promise<void> {
    await journal.commit([], { fence, quiet: [quietly(notices, row)] })
    under!.row = row
  }

  /** Reads what is new, to where the ledger ended when it began. */
  async function look(gathering: Gathering): Promise<void> {
    const { seq } = await journal.head()
    while (gathering.to < seq) {
      const events = await journal.events({ sync, after: gathering.to, limit: page })
      for (const event of events) gathering.take(event)
      if (events.length > 0) lastAt = clock.monotonic()
      if (events.length < page) gathering.reach(seq)
    }
  }

  async function isQuiet(): Promise<Ms> {
    const now = clock.monotonic()
    firstAt ??= now
    if (now - firstAt >= patience) return 0
    if ((await engine.status(sync)).running) return quiet
    return Math.max(0, lastAt + quiet - now)
  }

  /** Nothing is failed, held, refused or unreadable. */
  async function isWell(): Promise<boolean> {
    const bad = { state: { in: ['failed', 'rejected', 'held', 'unsure'] as const } }
    const [stuck] = await journal.count(deliveries, { sync, ...bad })
    if ((stuck?.count ?? 0) > 0) return false
    const [away] = await journal.count(targets, { sync, state: 'unavailable' })
    if ((away?.count ?? 0) > 0) return false
    const seen = await journal.select(scopes, { where: { sync, state: { in: ['ok', 'unavailable'] } } })
    return seen.every(({ state, troubles }) => state === 'ok' && (troubles as readonly unknown[]).length === 0)
  }

  async function tell(fence: Fence): Promise<Ms | null> {
    const { row, gathering } = under!
    await look(gathering)
    if (!gathering.some) {
      if (gathering.to - row.cursor < farBehind) return null
      await moveOn(fence, row, gathering.to)
      return null
    }
    const wait = await isQuiet()
    if (wait > 0) return wait
    const ok = await isWell()
    firstAt = null
    const isNews = hook.on === 'changes' || gathering.unwelcome || (ok && row.ok === false)
    if (!isNews) {
      await moveOn(fence, row, gathering.to)
      return null
    }
    const notice = gathering.notice({ sync, registry: hook.registry, hook: hook.name, ok })
    const now = clock.now()
    await save(fence, { ...row, ...notice, upto: gathering.to, since: now, ok, attempts: 0, due: now })
    return 0
  }

  async function moveOn(fence: Fence, row: NoticeRow, cursor: number): Promise<void> {
    await save(fence, { ...row, cursor, ...nothing })
    under!.gathering = gather(cursor)
  }

  async function deliver(fence: Fence, signal: AbortSignal): Promise<Ms | null> {
    const { row } = under!
    const wait = (row.due ?? 0) - clock.now()
    if (wait > 0) return wait
    const why = await sendOnce(row, signal)
    if (signal.aborted) return null
    if (why === null) {
      await moveOn(fence, row, row.upto!)
      parts.count('sent')
      return 0
    }
    const attempts = row.attempts + 1
    const about = { ...where, notice: row.id, attempts, why: why.text }
    if (why.gone) {
      await end(fence, { ...row, state: 'disabled' }, 'notice.disabled', about)
      parts.count('disabled')
      logger.warn(about, 'the receiver of notices wants no more; it is told of nothing until its url changes')
      return null
    }
    parts.count('failed')
    if (clock.now() - row.since! >= giveUp) {
      await end(fence, row, 'notice.abandoned', about)
      parts.count('abandoned')
      logger.error(about, 'notice given up')
      return 0
    }
    logger[attempts === 1 ? 'warn' : 'debug'](about, 'notice could not be delivered; it is tried again')
    const pause = Math.max(1_000 + fullJitter(attempts - 1, retry, random), Math.min(why.after, retry.most))
    await save(fence, { ...row, attempts, due: clock.now() + pause })
    return pause
  }

  /** What is under way is let go of, with an event that says so. */
  async function end(fence: Fence, row: NoticeRow, type: string, about: object): Promise<void> {
    const next: NoticeRow = { ...row, cursor: row.upto!, ...nothing, attempts: row.attempts + 1 }
    await journal.commit([put(notices, next, { type, sync, data: { ...about } })], { fence })
    under!.row = next
    under!.gathering = gather(next.cursor)
  }

  /** null: it arrived. */
  async function sendOnce({ id, body }: NoticeRow, signal: AbortSignal): Promise<Failure | null> {
    const { url, secrets, headers, timeout } = hook
    try {
      const { status, retryAfter } = await send({ url, id: id!, body: body!, secrets, headers, timeout }, signal)
      if (status >= 200 && status < 300) return null
      const text =
        status >= 300 && status < 400 ? `answered ${status}; redirects are not followed` : `answered ${status}`
      return { text, gone: status === 410, after: retryAfter ?? 0 }
    } catch (thrown) {
      return { text: asAppError(thrown).message, gone: false, after: 0 }
    }
  }

  return {
    async turn(signal) {
      const fence = engine.fence(sync)
      if (fence === null) {
        under = null
        return ownerRetry
      }
      try {
        const { row } = await take(fence)
        if (row.state === 'disabled') return null
        return await (row.id === null ? tell(fence) : deliver(fence, signal))
      } catch (thrown) {
        under = null
        throw thrown
      }
    },
    pending: () => under !== null && (under.row.id !== null || (under.row.state === 'open' && under.gathering.some)),
  }
}

interface Failure {
  readonly text: string
  readonly gone: boolean
  readonly after: Ms
}

const nothing = { id: null, body: null, upto: null, since: null, attempts: 0, due: null } as const

function rowOf(stored: Stored<NoticeRow>): NoticeRow {
  const { seq: _, ...row } = stored
  return row
}
