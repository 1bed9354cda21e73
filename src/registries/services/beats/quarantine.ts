/**
 * Those who reported without being registered, where the policy is not to let them in. A bounded list for a person to
 * decide on. All of it is in memory; who asks again costs no write.
 */
import { drop, put, quietPatch, type EventDraft, type Journal, type Stored } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import { refText, type ServiceRef } from '../model.ts'
import type { By, Registered, Registrations } from '../registration/registrations.ts'
import { quarantine as table, type QuarantineRow } from '../tables.ts'
import type { Heartbeat } from './beats.ts'
import { implicitRegistration } from './newcomers.ts'
import { createWaiting } from './waiting.ts'

export interface QuarantinePage {
  readonly limit: number
  /** Only those after this one, by type and id. */
  readonly after?: ServiceRef
}

export interface Quarantine {
  load(): Promise<void>
  /** Counts one who waits already; false: it does not, or that is not certain. */
  again(beat: Heartbeat, by: string, now: Instant): boolean
  /** Durable before it resolves. false: no more may wait. Throws what the journal throws. */
  enter(beats: readonly Heartbeat[], by: string, now: Instant): Promise<readonly boolean[]>
  size(): number
  /** By type and id. */
  list(page: QuarantinePage): Promise<readonly Stored<QuarantineRow>[]>
  /** Registers it, as implicit and pending: its next heartbeat activates it. Throws `services.parent` and the like. */
  approve(ref: ServiceRef, by: By): Promise<Registered>
  /** Asks again, and it waits again. */
  dismiss(ref: ServiceRef, by: By): Promise<void>
  /** Writes the counts that are not written. */
  stop(): Promise<void>
}

export interface QuarantineParts {
  readonly journal: Journal
  readonly registrations: Pick<Registrations, 'register'>
  readonly config: Pick<ServicesConfig, 'implicit'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Counts are written so often at most. */
const restMs = 60_000

export function createQuarantine(parts: QuarantineParts): Quarantine {
  const { journal, registrations, clock } = parts
  const most = parts.config.implicit.most_quarantined
  const waiting = createWaiting(journal, clock)
  const counts = createCounts(parts, (key) => waiting.get(key))
  /** Being written: they take their room before they are in it. */
  let entering = 0

  const again = (beat: Heartbeat, by: string, now: Instant): boolean => {
    const key = refText(beat)
    const row = waiting.get(key)
    if (row === undefined) return false
    const source = beat.from === '' ? row.source : beat.from
    waiting.set(key, { ...row, by, source, lastAt: Math.max(now, row.lastAt), count: row.count + 1 })
    counts.add(key, now)
    return true
  }

  const read = async (ref: ServiceRef): Promise<Stored<QuarantineRow>> => {
    const row = await journal.get(table, { type: ref.type, id: ref.id })
    if (row !== null) return row
    waiting.delete(refText(ref))
    throw new AppError('request.not-found', `No ${ref.type} ${ref.id} waits in quarantine.`)
  }

  /** Whoever was quicker decided. */
  const leave = async (row: Stored<QuarantineRow>, type: string, by: By) => {
    const { seq, parent, kind, source, count } = row
    const data = { parent, checker_kind: kind, source_ip: source, count }
    const event = eventOf(row, type, by.actor, { ...data, ...(by.reason !== undefined && { reason: by.reason }) })
    const [done] = await journal.commit([drop(table, { type: row.type, id: row.id }, event, { seq })])
    if (done === 'conflict')
      throw new AppError('request.conflict', `Somebody else decided on ${refText(row)} just now.`)
    waiting.delete(refText(row))
  }

  return {
    load: () => waiting.load(),
    again: (beat, by, now) => !waiting.isStale() && again(beat, by, now),
    async enter(beats, by, now) {
      await waiting.catchUp()
      const there = beats.map((beat) => again(beat, by, now))
      let room = Math.max(0, most - waiting.size() - entering)
      const rows = beats.map((beat, at) => (!there[at] && (room -= 1) >= 0 ? newRow(beat, by, now) : null))
      const entered = rows.filter((row) => row !== null)
      entering += entered.length
      try {
        if (entered.length > 0) await journal.commit(entered.map(enteredFact))
      } finally {
        entering -= entered.length
      }
      // Where somebody was quicker, the row is theirs; it says the same but for who asked.
      for (const row of entered) if (waiting.get(refText(row)) === undefined) waiting.set(refText(row), row)
      return rows.map((row, at) => row !== null || there[at] === true)
    },
    size: () => waiting.size(),
    async list({ limit, after }) {
      const page = { limit, ...(after !== undefined && { after: [after.type, after.id] }) }
      const rows = await journal.select(table, page)
      // Memory knows who asked again since counts were last written.
      return rows.map((row) => {
        const known = waiting.get(refText(row))
        return known !== undefined && known.count > row.count ? { ...known, seq: row.seq } : row
      })
    },
    async approve(ref, by) {
      const row = await read(ref)
      const now = clock.now()
      const asked = implicitRegistration({ ...row, from: row.source, interval: 0 }, by.actor, now)
      // First this: where the process ends between the two it still waits, and is approved again without effect.
      const [registered] = await registrations.register([asked], by, now)
      if (registered === undefined) throw new AppError('internal', 'a registration had no result')
      if ('code' in registered) throw registered
      await leave(row, 'quarantine.approved', by)
      return registered
    },
    async dismiss(ref, by) {
      await leave(await read(ref), 'quarantine.dismissed', by)
    },
    stop: () => counts.stop(),
  }
}

/** Who asked again since counts were last written. */
function createCounts({ journal, clock, logger }: QuarantineParts, rowOf: (key: string) => QuarantineRow | undefined) {
  const counted = new Set<string>()
  let writtenAt = clock.now()
  let writing = Promise.resolve()

  const write = async (): Promise<void> => {
    const rows = [...counted].flatMap((key) => rowOf(key) ?? [])
    counted.clear()
    if (rows.length === 0) return
    const quiet = rows.map(({ type, id, by, source, lastAt, count }) =>
      quietPatch(table, { type, id, by, source, lastAt, count }),
    )
    try {
      await journal.commit([], { quiet })
    } catch (thrown) {
      for (const row of rows) counted.add(refText(row))
      logger.debug({ err: thrown }, 'counts of the quarantine were not written')
    }
  }

  return {
    add(key: string, now: Instant) {
      counted.add(key)
      if (Math.abs(now - writtenAt) < restMs) return
      writtenAt = now
      writing = write()
    },
    async stop() {
      await writing
      await write()
    },
  }
}

function newRow(beat: Heartbeat, by: string, now: Instant): QuarantineRow {
  const { type, id, parent, kind, from } = beat
  return { type, id, parent, kind, source: from, by, firstAt: now, lastAt: now, count: 1 }
}

function enteredFact(row: QuarantineRow) {
  const data = { parent: row.parent, checker_kind: row.kind, source_ip: row.source }
  return put(table, row, eventOf(row, 'quarantine.entered', row.by, data), 'absent')
}

function eventOf(
  ref: ServiceRef,
  type: string,
  actor: string,
  data: Exclude<EventDraft['data'], undefined>,
): EventDraft {
  return { type, sync: 'services', key: refText(ref), actor, data }
}
