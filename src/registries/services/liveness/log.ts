/**
 * The liveness log: each second one blob of all who were heard of since. What could not be written is written later,
 * with growing pauses. When the log is much larger than what it says, all is written anew, a stripe with each flush,
 * and what was there before is dropped: no pause, and an idle registry writes nothing.
 */
import { quietly, quietlyDrop, type Journal, type Quiet } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { livenessLog } from '../tables.ts'
import { createEncoder, healthBad, healthGood, healthUnsaid } from './codec.ts'
import { bootAt, healthSaid, healthy, heardAt, lastSeenAt, sequenceAt, stride, type BeatColumns } from './columns.ts'
import { createDirty } from './dirty.ts'
import type { LeaseClock } from './lease-clock.ts'
import type { Blob, Shelf } from './shelf.ts'

/** Services in one blob: encoded in one go, so few enough that nobody waits for it: 4 ms. */
const mostPerBlob = 16_384
const dropsAtOnce = 8
const usualSlack = 8 << 20
const mostPause: Ms = 30_000
/** How often the lease clock is written where nobody is heard of, but somebody's silence is measured. */
const clockEvery: Ms = 300_000
const sweepLease = 'services.liveness'

export interface LivenessLog {
  mark(slot: Slot): void
  /** Writes what is to be written, unless that goes on already or is to wait. Never rejects. */
  pulse(): Promise<void>
  /** The last time: without pauses. */
  close(): Promise<void>
  readonly dirty: number
  readonly flushLag: Ms
}

export function createLog(parts: {
  readonly journal: Journal
  readonly roster: Roster
  readonly columns: BeatColumns
  readonly lease: LeaseClock
  readonly shelf: Shelf
  readonly clock: Clock
  readonly logger: Logger
  readonly writer: string
  /** Whether anybody's silence is measured. */
  readonly measures: () => boolean
  /** The log may be so many bytes larger than twice of what it says. */
  readonly slack?: number
}): LivenessLog {
  const { journal, roster, columns, lease, shelf, clock, logger, writer } = parts
  const slack = parts.slack ?? usualSlack
  const dirty = createDirty()
  const encoder = createEncoder(roster)
  let n = 0
  let running: Promise<void> | null = null
  let unwritten = false
  let cutAt = clock.monotonic()
  let failures = 0
  let waitUntil: Ms = -Infinity
  let clockAt: Ms = lease.now
  let perService = 32
  let sweep: { from: Slot; readonly doomed: Blob[] } | null = null

  const begin = () => encoder.begin(lease.now, lease.logged, clock.now())

  function encode(slot: Slot): void {
    const { beats, flags } = columns
    const type = roster.columns.type[slot]!
    if (type > 2) return
    const base = slot * stride
    const state = flags[slot]!
    const said = (state & healthy) !== 0 ? healthGood : healthBad
    encoder.add(
      slot,
      type,
      (state & healthSaid) === 0 ? healthUnsaid : said,
      beats[base + lastSeenAt]!,
      beats[base + heardAt]!,
      beats[base + bootAt]!,
      beats[base + sequenceAt]!,
    )
  }

  async function write(): Promise<void> {
    if (encoder.count === 0) return
    const body = encoder.end()
    perService = body.length / encoder.count
    // A new number each time: an attempt of which nobody knows whether it took effect is another blob.
    n += 1
    try {
      await journal.commit([], { quiet: [quietly(livenessLog, { writer, n, at: clock.now(), body })] })
    } catch (error) {
      if (asAppError(error).data['effect'] === 'unknown') shelf.add(writer, n, body.length)
      throw error
    }
    shelf.add(writer, n, body.length)
    clockAt = lease.now
  }

  async function flush(): Promise<void> {
    const cut = clock.monotonic()
    const taken = dirty.take()
    if (taken) {
      unwritten = true
      for (let from = taken.next(0); from !== -1;) {
        const first = from
        begin()
        for (let left = mostPerBlob; left > 0 && from !== -1; left -= 1, from = taken.next(from + 1)) encode(from)
        try {
          await write()
        } catch (error) {
          taken.giveBack(first)
          throw error
        }
      }
    }
    unwritten = false
    cutAt = cut
  }

  /** Where others write, too, one of them does it for all: it has read what it drops. */
  async function mayWriteAnew(): Promise<boolean> {
    if (!journal.shared) return true
    return (await journal.lease(sweepLease, writer, 60_000)) !== null
  }

  async function writeAnew(): Promise<void> {
    if (!sweep && shelf.size <= 2 * roster.size * perService + slack) return
    if (!(await mayWriteAnew())) return
    sweep ??= { from: 0, doomed: [...shelf.all()] }
    if (sweep.from < roster.end) await writeStripe(sweep)
    else await dropSome(sweep.doomed)
    if (sweep.from >= roster.end && sweep.doomed.length === 0) sweep = null
  }

  async function writeStripe(state: { from: Slot }): Promise<void> {
    begin()
    let slot = state.from
    const { end } = roster
    for (; slot < end && encoder.count < mostPerBlob; slot += 1) {
      if (slot < columns.flags.length && columns.beats[slot * stride + heardAt] !== 0) encode(slot)
    }
    await write()
    state.from = slot
  }

  async function dropSome(doomed: Blob[]): Promise<void> {
    const some = doomed.slice(-dropsAtOnce)
    const quiet: Quiet[] = some.map((blob) => quietlyDrop(livenessLog, { writer: blob.writer, n: blob.n }))
    await journal.commit([], { quiet })
    doomed.length -= some.length
    shelf.remove(some)
  }

  /** Over itself each time, as number 0. */
  async function writeClock(): Promise<void> {
    begin()
    await journal.commit([], { quiet: [quietly(livenessLog, { writer, n: 0, at: clock.now(), body: encoder.end() })] })
    clockAt = lease.now
  }

  async function round(): Promise<void> {
    try {
      await flush()
      await writeAnew()
      if (parts.measures() && lease.now - clockAt >= clockEvery) await writeClock()
      if (failures > 0) logger.info({ failures }, 'the liveness log is written again')
      failures = 0
    } catch (error) {
      if (failures === 0) logger.warn({ error }, 'the liveness log could not be written; it is tried again')
      waitUntil = clock.monotonic() + Math.min(mostPause, 1_000 * 2 ** failures)
      failures = Math.min(failures + 1, 30)
    }
  }

  return {
    mark: (slot) => dirty.mark(slot),
    pulse() {
      if (!running && clock.monotonic() >= waitUntil) running = round().finally(() => (running = null))
      return running ?? Promise.resolve()
    },
    async close() {
      await running
      await round()
      if (parts.measures() && failures === 0 && lease.now > clockAt) await writeClock().catch(() => {})
    },
    get dirty() {
      return dirty.count
    },
    get flushLag() {
      return unwritten || dirty.count > 0 ? clock.monotonic() - cutAt : 0
    },
  }
}
