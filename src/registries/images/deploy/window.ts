/**
 * Maintenance windows: when a stage may be deployed. Times are those of the clock on the wall in the window's zone, so
 * that 22:00 stays 22:00 when the clocks change.
 */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { createWall, type Wall } from './wall.ts'

export interface Window {
  readonly text: string
  isOpen(at: Instant): boolean
  /** When it opens next, of a window that is not open. */
  opens(after: Instant): Instant
}

const minute: Ms = 60_000
const day = 24 * 60

/** `Mon-Fri 22:00-04:00 Europe/Berlin`, `daily 02:00-03:30`, `Sat,Sun`; null: none of these. */
export function parseWindow(text: string): Window | null {
  const matched = /^\s*([a-z,-]+)?(?:(?:^|\s+)(\d{1,2}:\d{2})-(\d{1,2}:\d{2}))?(?:\s+([A-Za-z]\S*))?\s*$/i.exec(text)
  if (matched === null || (matched[1] === undefined && matched[2] === undefined)) return null
  const days = daysOf(matched[1] ?? 'daily')
  const from = minuteOf(matched[2] ?? '0:00')
  const to = minuteOf(matched[3] ?? '24:00')
  const wall = createWall(matched[4] ?? null)
  if (days === null || from === null || to === null || wall === null || from === to || from === day) return null
  return createWindow(text.trim(), { days, from, to }, wall)
}

interface Hours {
  /** 0 is Sunday; the day on which it opens. */
  readonly days: ReadonlySet<number>
  /** Minutes from midnight. `to` is before `from` where it closes on the next day. */
  readonly from: number
  readonly to: number
}

function createWindow(text: string, { days, from, to }: Hours, wall: Wall): Window {
  function isOpen(at: Instant): boolean {
    const { weekday, minutes } = wall.read(at)
    if (from < to) return days.has(weekday) && from <= minutes && minutes < to
    return (days.has(weekday) && minutes >= from) || (days.has((weekday + 6) % 7) && minutes < to)
  }

  /** The clocks may have left out when it opens: then it is open as soon as they go on. */
  function beginning(at: Instant, after: Instant): Instant {
    let first = at
    while (first - minute > after && isOpen(first - minute)) first -= minute
    return first
  }

  return {
    text,
    isOpen,
    opens(after) {
      // A week and a day, and one more for what the clocks leave out altogether.
      for (let ahead = -1; ahead <= 15; ahead += 1) {
        const open = wall.at(after, ahead, from).filter((at) => at > after && isOpen(at))
        if (open.length > 0) return beginning(Math.min(...open), after)
      }
      throw new Error(`the maintenance window ${text} never opens`)
    },
  }
}

/** When the first of them opens; null: open now, or there are none. */
export function opensAt(windows: readonly Window[], now: Instant): Instant | null {
  if (windows.length === 0 || windows.some((window) => window.isOpen(now))) return null
  return Math.min(...windows.map((window) => window.opens(now)))
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function windowFault(text: string): string | null {
  if (parseWindow(text) !== null) return null
  const named = /\s([A-Za-z]\S*)\s*$/.exec(text)?.[1]
  if (named !== undefined && createWall(named) === null) {
    return 'names a time zone that is none\nwrite it as Europe/Berlin, or leave it out for that of the machine'
  }
  return 'is no maintenance window\nwrite "Mon-Fri 22:00-04:00 Europe/Berlin", "daily 02:00-03:30" or "Sat,Sun"'
}

const names = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** `Mon-Fri,Sun`, `Fri-Mon`, `daily`; in full or by three letters, in any case. */
function daysOf(text: string): ReadonlySet<number> | null {
  if (text.toLowerCase() === 'daily') return new Set(names.keys())
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const ends = part.split('-').map(dayOf)
    const [first, last = first] = ends
    if (first === undefined || last === undefined || ends.length > 2 || ends.includes(-1)) return null
    for (let at = first; ; at = (at + 1) % 7) {
      days.add(at)
      if (at === last) break
    }
  }
  return days
}

function dayOf(text: string): number {
  const name = text.toLowerCase()
  return names.findIndex((each) => each === name || each.slice(0, 3) === name)
}

function minuteOf(text: string): number | null {
  const [hours, minutes] = text.split(':').map(Number)
  const at = hours! * 60 + minutes!
  return minutes! < 60 && at <= day ? at : null
}
