/**
 * When a repository is polled: by the timetables of the stages that follow it, those with the same one together. Less
 * often where a webhook has been seen to tell of it, as often as before once one did not.
 */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Random } from '../../../kernel/retry.ts'
import type { Stage } from '../model.ts'
import { nextAt, parseTimetable, type Timetable } from './timetable.ts'

export interface Rhythm {
  /** The stages are others, or the interval is: all times anew, from now on. */
  plan(stages: Iterable<Stage>): void
  /** null: nothing is polled. */
  at(): Instant | null
  due(stage: Stage): boolean
  /** What was due has been done: each next time lies ahead, however many were missed. */
  done(): void
}

export interface RhythmParts {
  /** The same over restarts: what the phase is made of, so that not all are polled at once. */
  readonly phaseKey: string
  readonly clock: Clock
  readonly random: Random
  readonly pollInterval: () => Ms
  readonly slowedDown: () => boolean
}

interface Turn {
  readonly timetable: Timetable
  at: Instant
}

/** Share of the interval by which a poll may come later. */
const jitter = 0.1
/** Cron names a time: it is not moved far from it. */
const cronJitter: Ms = 30_000
const slower = 10
const slowest: Ms = 3_600_000

export function createRhythm({ phaseKey, clock, random, pollInterval, slowedDown }: RhythmParts): Rhythm {
  const turns = new Map<string, Turn>()
  /** Of the jitter. */
  let late = 0

  function timetableOf(schedule: string | null): Timetable {
    const read = schedule === null ? null : parseTimetable(schedule)
    const timetable = read ?? { every: pollInterval() }
    if (!('every' in timetable) || !slowedDown()) return timetable
    return { every: Math.max(timetable.every, Math.min(timetable.every * slower, slowest)) }
  }

  function next(timetable: Timetable): Instant {
    const now = clock.now()
    return Math.max(now + 1, nextAt(timetable, { last: now, now, phaseKey, jitter: 0, random }))
  }

  /** An interval goes on as it began: its phase is not worked out each time. */
  function after({ timetable, at }: Turn, now: Instant): Instant {
    if (!('every' in timetable)) return next(timetable)
    return at + Math.floor((now - at) / timetable.every + 1) * timetable.every
  }

  return {
    plan(stages) {
      turns.clear()
      for (const { polling, schedule } of stages) {
        if (!polling || turns.has(schedule ?? '')) continue
        const timetable = timetableOf(schedule)
        turns.set(schedule ?? '', { timetable, at: next(timetable) })
      }
      late = random()
    },
    at() {
      let first: Instant | null = null
      for (const { timetable, at } of turns.values()) {
        // One share for all, so that stages which are due together stay together.
        const most = 'every' in timetable ? timetable.every * jitter : cronJitter
        const moved = at + Math.round(most * late)
        if (first === null || moved < first) first = moved
      }
      return first
    },
    due({ polling, schedule }) {
      const turn = polling ? turns.get(schedule ?? '') : undefined
      return turn !== undefined && turn.at <= clock.now()
    },
    done() {
      const now = clock.now()
      for (const turn of turns.values()) if (turn.at <= now) turn.at = after(turn, now)
      late = random()
    },
  }
}
