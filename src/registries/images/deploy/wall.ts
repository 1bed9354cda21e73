/** The clock on the wall of a time zone. */
import type { Instant, Ms } from '../../../kernel/clock.ts'

export interface Wall {
  /** 0 is Sunday; minutes from midnight. */
  read(at: Instant): { readonly weekday: number; readonly minutes: number }
  /**
   * When it shows `minutes` on the day that is `ahead` days after that of `from`. Two where the clocks go back over it;
   * and where they leave it out, or near to that, one at which it shows another time.
   */
  at(from: Instant, ahead: number, minutes: number): readonly Instant[]
}

const day: Ms = 86_400_000

/** null: no such zone. `zone` null: that of the machine. */
export function createWall(zone: string | null): Wall | null {
  const format = formatOf(zone)
  if (format === null) return null

  /** What it shows at an instant, as if it were UTC. */
  function shown(at: Instant): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format!.formatToParts(at)) parts[type] = Number(value)
    const { year = 0, month = 1, day: date = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, date, hour, minute, second)
  }

  return {
    read(at) {
      const wall = new Date(shown(at))
      return { weekday: wall.getUTCDay(), minutes: wall.getUTCHours() * 60 + wall.getUTCMinutes() }
    },
    at(from, ahead, minutes) {
      const midnight = Math.floor(shown(from) / day) * day
      const wanted = midnight + ahead * day + minutes * 60_000
      // Clocks change once in two days at most: it is as far from UTC as before, or as after.
      const offsets = [wanted - day, wanted + day].map((near) => shown(near) - near)
      return [...new Set(offsets)].map((offset) => wanted - offset)
    },
  }
}

function formatOf(zone: string | null): Intl.DateTimeFormat | null {
  const numeric = 'numeric'
  try {
    return new Intl.DateTimeFormat('en-US', {
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
      ...(zone !== null && { timeZone: zone }),
    })
  } catch {
    return null
  }
}
