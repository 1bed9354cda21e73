/** Liveness put together: what a heartbeat does stands here, what follows from silence in dues.ts. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { createBoots } from './boots.ts'
import {
  createBeatColumns,
  healthSaid,
  healthy,
  heardAt,
  lastSeenAt,
  late,
  overdue,
  stride,
  tracked,
} from './columns.ts'
import { createDues } from './dues.ts'
import { createLeaseClock, tickLength } from './lease-clock.ts'
import type { Beat, Heard, Liveness } from './liveness.ts'
import { createLog } from './log.ts'
import { createReplay } from './replay.ts'
import { createShelf } from './shelf.ts'

export interface LivenessParts {
  readonly roster: Roster
  readonly config: Pick<ServicesConfig, 'interval' | 'late_after' | 'inactive_after' | 'skew'>
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** Names this process among all that ever wrote to the ledger. */
  readonly writer: string
  /** Bytes of the log beside twice of what it says, before it is written anew; default 8 MB. */
  readonly slack?: number
}

/** Slots looked at before others have their turn: 2 to 3 ms. */
const mostPerTurn = 10_000
/** After a stall of so long, beats were lost on the way: everybody has the time of being late once more. */
const longStall: Ms = 10_000
const stopWithin: Ms = 5_000

export function createLiveness(parts: LivenessParts): Liveness {
  const { roster, journal, clock } = parts
  const { skew } = parts.config
  const logger = parts.logger.child({ part: 'liveness' })
  const columns = createBeatColumns()
  const lease = createLeaseClock(clock)
  const boots = createBoots(columns)
  const shelf = createShelf()
  const shared = { ...parts, logger, columns, lease, shelf }
  const log = createLog({ ...shared, measures: () => dues.tracked > 0 })
  const dues = createDues({ roster, config: parts.config, columns, lease, anew: log.mark })
  const replay = createReplay(shared)
  /** What was read only to bring it near has to end somewhere, or the compiler leaves it out. */
  const brought = new Float64Array(1)
  const stopping = new AbortController()
  let ticking: Promise<void> | null = null
  let following: Promise<void> | null = null
  let looking: Promise<void> | null = null

  function bring(slots: Int32Array, count: number): void {
    const { beats, flags } = columns
    let sum = 0
    for (let n = 0; n < count; n += 1) {
      const slot = slots[n]!
      if (slot >= 0 && slot < flags.length) sum += flags[slot]! + beats[slot * stride + heardAt]!
    }
    brought[0] = sum
  }

  function heard(slot: Slot, beat: Beat, now: Instant): Heard {
    if (slot >= columns.flags.length) columns.ensure(slot)
    let result: Heard = 'taken'
    if (beat.boot !== '') {
      result = boots.judge(slot, beat, lease.now)
      if (result === 'repeated') return result
    }
    const { beats, flags } = columns
    const base = slot * stride
    const at = beat.at === 0 ? now : Math.min(beat.at, now + skew)
    if (at > beats[base + lastSeenAt]!) beats[base + lastSeenAt] = at
    beats[base + heardAt] = lease.ahead
    const was = flags[slot]!
    if (beat.healthy !== null) {
      const flag = (was & ~healthy) | healthSaid | (beat.healthy ? healthy : 0)
      if (flag !== was) flags[slot] = flag
    }
    if ((was & (tracked | late | overdue)) !== tracked) dues.heardOf(slot)
    log.mark(slot)
    return result
  }

  function lastSeen(slot: Slot): Instant {
    // Its first heartbeat is durable before the log has it; and its own clock may be behind ours.
    const first = roster.columns.firstSeen[slot] ?? 0
    return slot < columns.flags.length ? Math.max(first, columns.beats[slot * stride + lastSeenAt]!) : first
  }

  function healthOf(slot: Slot): boolean | null {
    const flags = slot < columns.flags.length ? columns.flags[slot]! : 0
    return (flags & healthSaid) === 0 ? null : (flags & healthy) !== 0
  }

  async function tick(): Promise<void> {
    for (;;) {
      await clock.sleep(tickLength, stopping.signal)
      if (stopping.signal.aborted) return
      const lost = lease.tick()
      if (lost >= longStall) {
        logger.warn({ lost: Math.round(lost) }, 'this process stood still; nobody is late for that')
        dues.begin()
      }
      looking ??= look().finally(() => (looking = null))
      void log.pulse()
      if (journal.shared) following ??= follow().finally(() => (following = null))
    }
  }

  async function look(): Promise<void> {
    while (!dues.look(mostPerTurn) && !stopping.signal.aborted) await clock.sleep(0, stopping.signal)
  }

  async function follow(): Promise<void> {
    try {
      await replay.follow((slot) => {
        if ((columns.flags[slot]! & (late | overdue)) !== 0) dues.heardOf(slot)
      })
    } catch (error) {
      logger.debug({ error }, 'the liveness log of others could not be read; it is tried again')
    }
  }

  return {
    heard,
    bring,
    seen(slot) {
      const at = lastSeen(slot)
      return { lastSeen: at === 0 ? null : at, healthy: healthOf(slot), late: dues.isLate(slot) }
    },
    lastSeen,
    silence: (slot) => dues.silence(slot),
    isLate: (slot) => dues.isLate(slot),
    changed: (slot) => dues.changed(slot),
    overdue: (most) => dues.overdue(most),
    takeChanged: () => dues.takeChanged(),
    counts: () => ({ late: dues.late, dirty: log.dirty, flushLag: log.flushLag, tracked: dues.tracked }),
    async load() {
      await replay.load()
      dues.trackAll()
    },
    start() {
      dues.begin()
      ticking ??= tick()
    },
    async stop() {
      stopping.abort()
      const done = new AbortController()
      const all = Promise.all([ticking, looking, following, log.close()]).finally(() => done.abort())
      await Promise.race([all, clock.sleep(stopWithin, done.signal)])
    },
  }
}
