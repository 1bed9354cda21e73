/**
 * Who is late, and who is overdue: the wheel's view of every active service. Both come of silence by the lease clock;
 * after a start (`begin`) everybody has the time of being late once more, whatever had gathered before.
 */
import type { Ms } from '../../../kernel/clock.ts'
import type { ServicesConfig } from '../config.ts'
import { serviceStatuses } from '../model.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import {
  grownInts,
  heardAt,
  late,
  listed,
  noted,
  overdue,
  roomFor,
  stride,
  tracked,
  type BeatColumns,
} from './columns.ts'
import { tickLength, type LeaseClock } from './lease-clock.ts'
import { createWheel } from './wheel.ts'

const active = serviceStatuses.indexOf('active')
const mostNoted = 10_000

export interface Dues {
  /** It is active: watches it from now on, or no longer counts what it was silent for. */
  heardOf(slot: Slot): void
  /** Its status, interval or threshold may be others. */
  changed(slot: Slot): void
  /** Watches all who are active, each from what is known of it. */
  trackAll(): void
  /** From now on time counts for them. Again after a long stall. */
  begin(): void
  /** Looks at those who are due, at most so many. False: there are more. */
  look(most: number): boolean
  silence(slot: Slot): Ms
  isLate(slot: Slot): boolean
  overdue(most: number): Slot[]
  takeChanged(): readonly Slot[] | null
  readonly late: number
  readonly tracked: number
}

export function createDues(parts: {
  readonly roster: Roster
  readonly config: Pick<ServicesConfig, 'interval' | 'late_after' | 'inactive_after'>
  readonly columns: BeatColumns
  readonly lease: LeaseClock
  /** Its silence begins now, which the log is to know. */
  readonly anew: (slot: Slot) => void
}): Dues {
  const { roster, columns, lease } = parts
  const lateFactor = parts.config.late_after
  const usualInterval = parts.config.interval
  const thresholds = [
    parts.config.inactive_after.poller,
    parts.config.inactive_after.agent,
    parts.config.inactive_after.checker,
  ]
  const wheel = createWheel()
  const line = createLine(columns)
  let begun = false
  let ready: Ms = 0
  let lateCount = 0
  let trackedCount = 0
  let notes: Slot[] = []
  let tooMany = false

  const isActive = (slot: Slot) =>
    slot < roster.end && roster.columns.status[slot] === active && roster.columns.type[slot]! < 3
  const heardOfAt = (slot: Slot) => columns.beats[slot * stride + heardAt]!
  const lateAfter = (slot: Slot) => lateFactor * (roster.columns.interval[slot]! || usualInterval)
  const lateAt = (slot: Slot) => Math.max(heardOfAt(slot), ready) + lateAfter(slot)
  const overdueAt = (slot: Slot) => {
    const after = roster.columns.inactiveAfter[slot]! * 1_000 || thresholds[roster.columns.type[slot]!]!
    return Math.max(heardOfAt(slot) + after, ready + lateAfter(slot))
  }

  function note(slot: Slot): void {
    if ((columns.flags[slot]! & noted) !== 0 || tooMany) return
    if (notes.length === mostNoted) {
      tooMany = true
      return
    }
    columns.flags[slot]! |= noted
    notes.push(slot)
  }

  function turnLate(slot: Slot): void {
    columns.flags[slot]! |= late
    lateCount += 1
    note(slot)
  }

  function turnWell(slot: Slot): void {
    columns.flags[slot]! &= ~late
    lateCount -= 1
    note(slot)
  }

  /** Looks at it now, and again when the next of its times comes. */
  function look(slot: Slot): void {
    if (!isActive(slot)) return untrack(slot)
    const at = lease.now
    const lateDue = lateAt(slot)
    const overdueDue = overdueAt(slot)
    if (at >= lateDue && (columns.flags[slot]! & late) === 0) turnLate(slot)
    if (at >= overdueDue && (columns.flags[slot]! & overdue) === 0) line.push(slot)
    const flags = columns.flags[slot]!
    const next = Math.min((flags & late) === 0 ? lateDue : Infinity, (flags & overdue) === 0 ? overdueDue : Infinity)
    if (next !== Infinity) wheel.set(slot, Math.ceil(next / tickLength))
  }

  function untrack(slot: Slot): void {
    const flags = columns.flags[slot]!
    if ((flags & tracked) === 0) return
    wheel.unset(slot)
    if ((flags & late) !== 0) turnWell(slot)
    columns.flags[slot]! &= ~(tracked | overdue)
    trackedCount -= 1
  }

  function track(slot: Slot): void {
    columns.flags[slot]! |= tracked
    trackedCount += 1
  }

  function trackAnew(slot: Slot): void {
    track(slot)
    columns.beats[slot * stride + heardAt] = lease.ahead
    parts.anew(slot)
  }

  function refresh(slot: Slot): void {
    wheel.unset(slot)
    if ((columns.flags[slot]! & late) !== 0 && lease.now < lateAt(slot)) turnWell(slot)
    columns.flags[slot]! &= ~overdue
    if (begun) look(slot)
  }

  return {
    heardOf(slot) {
      if ((columns.flags[slot]! & tracked) === 0) track(slot)
      refresh(slot)
    },
    changed(slot) {
      columns.ensure(slot)
      if (!isActive(slot)) return untrack(slot)
      // Whoever becomes active begins anew: an admin may have brought it back after months.
      if ((columns.flags[slot]! & tracked) === 0) trackAnew(slot)
      refresh(slot)
    },
    trackAll() {
      if (roster.end > 0) columns.ensure(roster.end - 1)
      for (let slot = 0; slot < roster.end; slot += 1) {
        if (!isActive(slot) || (columns.flags[slot]! & tracked) !== 0) continue
        if (heardOfAt(slot) === 0) trackAnew(slot)
        else track(slot)
      }
    },
    begin() {
      ready = lease.now
      if (begun) return
      begun = true
      wheel.resume(Math.floor(ready / tickLength))
      for (let slot = 0; slot < columns.flags.length; slot += 1) if ((columns.flags[slot]! & tracked) !== 0) look(slot)
    },
    look: (most) => wheel.turn(Math.floor(lease.now / tickLength), most, look),
    silence(slot) {
      if (slot >= columns.flags.length) return 0
      const heard = heardOfAt(slot)
      return heard === 0 ? 0 : Math.max(0, lease.now - heard)
    },
    isLate(slot) {
      if (slot >= columns.flags.length) return false
      const flags = columns.flags[slot]!
      // Where nothing goes on in the background, as in a command that only asks, nobody turned it late.
      return begun ? (flags & late) !== 0 : (flags & tracked) !== 0 && lease.now >= lateAt(slot)
    },
    overdue: (most) => line.first(most, overdueAt),
    takeChanged() {
      for (const slot of notes) columns.flags[slot]! &= ~noted
      const taken = tooMany ? null : notes
      notes = []
      tooMany = false
      return taken
    },
    get late() {
      return lateCount
    },
    get tracked() {
      return trackedCount
    },
  }
}

/** Those overdue. Who is no longer stays in the list until somebody asks for it. */
function createLine(columns: BeatColumns) {
  let list = new Int32Array(1_024)
  let length = 0
  let sorted = true

  function compact(): void {
    let kept = 0
    for (let i = 0; i < length; i += 1) {
      const slot = list[i]!
      if ((columns.flags[slot]! & overdue) === 0) columns.flags[slot]! &= ~listed
      else list[kept++] = slot
    }
    length = kept
  }

  /** One number holds both the time and the place, for a sort without comparisons in JavaScript: 90 ms a million. */
  function sort(due: (slot: Slot) => number): void {
    if (sorted) return
    const places = 2 ** Math.ceil(Math.log2(length + 1))
    const longest = 2 ** 53 / places - 1
    const keys = new Float64Array(length)
    let first = Infinity
    for (let i = 0; i < length; i += 1) {
      keys[i] = due(list[i]!)
      if (keys[i]! < first) first = keys[i]!
    }
    for (let i = 0; i < length; i += 1) keys[i] = Math.min(Math.floor(keys[i]! - first), longest) * places + i
    keys.sort()
    const old = list.slice(0, length)
    for (let i = 0; i < length; i += 1) list[i] = old[keys[i]! % places]!
    sorted = true
  }

  return {
    push(slot: Slot) {
      const flags = columns.flags[slot]!
      columns.flags[slot] = flags | overdue | listed
      sorted = false
      if ((flags & listed) !== 0) return
      if (length === list.length) list = grownInts(list, roomFor(length, length))
      list[length++] = slot
    },
    first(most: number, due: (slot: Slot) => number): Slot[] {
      compact()
      sort(due)
      const first: Slot[] = []
      for (let i = 0; i < length && i < most; i += 1) first.push(list[i]!)
      return first
    },
  }
}
