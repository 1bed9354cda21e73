/**
 * Reads RFC 3339. By hand: `Date.parse` reads much else besides, and every heartbeat carries one of these.
 * NaN: it is none. Fractions beyond milliseconds are cut off, leap seconds are the second after.
 */
import type { Instant } from '../../../kernel/clock.ts'

export function parseTimestamp(text: string): Instant {
  if (text.length < 20 || text.length > 40) return Number.NaN
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const day = digits(text, 8, 2)
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  const second = digits(text, 17, 2)
  const separator = text.charCodeAt(10) | 0x20
  const formed =
    text.charCodeAt(4) === dash &&
    text.charCodeAt(7) === dash &&
    (separator === lowerT || separator === space) &&
    text.charCodeAt(13) === colon &&
    text.charCodeAt(16) === colon
  const real = inside(month, 1, 12) && inside(day, 1, daysIn(year, month)) && inside(hour, 0, 23)
  // A comparison with NaN is false: what is no digit fails here, too.
  if (!formed || !real || !inside(minute, 0, 59) || !inside(second, 0, 60)) return Number.NaN
  let at = 19
  let fraction = 0
  if (text.charCodeAt(at) === dot) {
    at += 1
    const from = at
    for (let unit = 100; isDigit(text.charCodeAt(at)); at += 1, unit = Math.floor(unit / 10)) {
      fraction += (text.charCodeAt(at) - zero) * unit
    }
    if (at === from) return Number.NaN
  }
  const seconds = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
  return (seconds - offset(text, at) * 60) * 1000 + fraction
}

const zero = 0x30
const dash = 0x2d
const colon = 0x3a
const dot = 0x2e
const plus = 0x2b
const space = 0x20
const lowerT = 0x74
const lowerZ = 0x7a

const isDigit = (code: number) => code >= zero && code <= zero + 9
const inside = (value: number, least: number, most: number) => value >= least && value <= most

function digits(text: string, from: number, count: number): number {
  let value = 0
  for (let at = from; at < from + count; at += 1) {
    const code = text.charCodeAt(at)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - zero
  }
  return value
}

/** Minutes ahead of UTC, of what ends the text; NaN: nothing that may. */
function offset(text: string, at: number): number {
  const sign = text.charCodeAt(at)
  if ((sign | 0x20) === lowerZ) return at + 1 === text.length ? 0 : Number.NaN
  if ((sign !== plus && sign !== dash) || text.length !== at + 6 || text.charCodeAt(at + 3) !== colon) return Number.NaN
  const hours = digits(text, at + 1, 2)
  const minutes = digits(text, at + 4, 2)
  if (!inside(hours, 0, 23) || !inside(minutes, 0, 59)) return Number.NaN
  return sign === plus ? hours * 60 + minutes : -(hours * 60 + minutes)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Of the Gregorian calendar; years begin in March, so that leap days come last. */
function daysSince1970(year: number, month: number, day: number): number {
  const years = month > 2 ? year : year - 1
  const months = month > 2 ? month - 3 : month + 9
  const leaps = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400)
  return years * 365 + leaps + Math.floor((months * 153 + 2) / 5) + day - 1 - 719_468
}
