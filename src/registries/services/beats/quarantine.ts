/**
 * Those who reported without being registered, where the policy is not to let them in. A bounded list for a person to
 * decide on. All of it is in memory; who asks again costs no write.
 */
import { put, drop, quietPatch, type EventDraft, type Journal, type Stored } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import { refText, type ServiceRef } from '../model.ts'
import type { By, Registered, Registrations } from '../registration/registrations.ts'
import { quarantine as table, type QuarantineRow } from '../tables.ts'
import type { Heartbeat } from './beats.ts'
import { implicitRegistration } from './newcomers.ts'

export interface QuarantinePage {
  readonly limit: number
  /** Only those after this one, by type and id. */
  readonly after?: ServiceRef
}

export interface Quarantine {
  load(): Promise<void>
  /** Counts one who waits already; false: it does not. */
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
  const { journal, registrations, clock, logger } = parts
  const most = parts.config.implicit.most_quarantined
  const waiting = new Map<string, QuarantineRow>()
  const counted = new Set<string>()
  let writtenAt = clock.now()
  let writing = Promise.resolve()
  /** Being written: they take their room before they are in it. */
  let entering = 0

  const writeCounts = () => {
    const rows = [...counted].flatMap((key) => waiting.get(key) ?? [])
    counted.clear()
    writtenAt = clock.now()
    if (rows.length === 0) return
    const quiet = rows.map(({ type, id, by, source, lastAt, count }) => {
      return quietPatch(table, { type, id, by, source, lastAt, count })
    })
    writing = journal.commit([], { quiet }).then(
      () => {},
      (error: unknown) => {
        for (const row of rows) counted.add(refText(row))
        logger.debug({ err: error }, 'counts of the quarantine were not written')
      },
    )
  }

  /** Other replicas let in and send away, too. */
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
    async load() {
      for (const row of await journal.select(table)) waiting.set(refText(row), row)
    },
    again(beat, by, now) {
      const key = refText(beat)
      const row = waiting.get(key)
      if (row === undefined) return false
      const source = beat.from === '' ? row.source : beat.from
      waiting.set(key, { ...row, by, source, lastAt: Math.max(now, row.lastAt), count: row.count + 1 })
      counted.add(key)
      if (now - writtenAt >= restMs) writeCounts()
      return true
    },
    async enter(beats, by, now) {
      const room = Math.max(0, most - waiting.size - entering)
      const rows = beats.map((beat, at) => (at < room ? newRow(beat, by, now) : null))
      const facts = rows.flatMap((row) => {
        if (row === null) return []
        const { parent, kind, source } = row
        const event = eventOf(row, 'quarantine.entered', by, { parent, checker_kind: kind, source_ip: source })
        return [put(table, row, event, 'absent')]
      })
      entering += facts.length
      try {
        if (facts.length > 0) await journal.commit(facts)
      } finally {
        entering -= facts.length
      }
      for (const row of rows) if (row !== null && !waiting.has(refText(row))) waiting.set(refText(row), row)
      return rows.map((row) => row !== null)
    },
    size: () => waiting.size,
    list: ({ limit, after }) =>
      journal.select(table, { limit, ...(after !== undefined && { after: [after.type, after.id] }) }),
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
    async stop() {
      writeCounts()
      await writing
    },
  }
}

function newRow(beat: Heartbeat, by: string, now: Instant): QuarantineRow {
  const { type, id, parent, kind, from } = beat
  return { type, id, parent, kind, source: from, by, firstAt: now, lastAt: now, count: 1 }
}

function eventOf(
  ref: ServiceRef,
  type: string,
  actor: string,
  data: Exclude<EventDraft['data'], undefined>,
): EventDraft {
  return { type, sync: 'services', key: refText(ref), actor, data }
}
