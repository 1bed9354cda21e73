/** Takes heartbeats: see beats.ts. What has to be written is written in rounds, each decided on what is true by then. */
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { parentType, refText } from '../model.ts'
import { mostAtOnce } from '../roster/find-all.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import type { BeatOutcome, Beats, Heartbeat } from './beats.ts'
import { createJudge, type Judge, type JudgeParts } from './judge.ts'
import { refusal } from './outcomes.ts'
import { createRefusals } from './refusals.ts'
import { createTally } from './tally.ts'
import { createWrites, type Decided, type Writes, type WritesParts } from './writes.ts'

export type BeatsParts = Omit<JudgeParts, 'refusals'> &
  WritesParts & {
    readonly clock: Clock
    readonly metrics: Metrics
    readonly liveness: Pick<Liveness, 'heard' | 'bring'>
  }

/** One that loses its turn so often has many senders at once; it will be sent again. */
const mostRounds = 8

export function createBeats(parts: BeatsParts): Beats {
  const { roster, clock } = parts
  const refusals = createRefusals()
  const judge = createJudge({ ...parts, refusals })
  const rounds = createRounds(parts, judge, createWrites(parts))
  const tally = createTally(parts.metrics)

  const found = new Int32Array(mostAtOnce)

  const takeAt = (slot: Slot, beat: Heartbeat, caller: Caller, now: Instant): BeatOutcome | null => {
    if (slot === noSlot) return null
    const outcome = judge.known(slot, beat, caller, now)
    if (outcome !== null) tally.count(outcome)
    return outcome
  }

  return {
    takeNow: (beat, caller, now) => takeAt(roster.find(beat.type, beat.id), beat, caller, now),
    takeAllNow(beats, caller, now, into) {
      for (let from = 0; from < beats.length; from += mostAtOnce) {
        const count = Math.min(mostAtOnce, beats.length - from)
        roster.findAll(beats, from, count, found)
        parts.liveness.bring(found, count)
        for (let n = 0; n < count; n += 1) into[from + n] = takeAt(found[n]!, beats[from + n]!, caller, now)
      }
    },
    async take(beats, caller) {
      const answers: BeatOutcome[] = Array.from({ length: beats.length }, () => refusal('service-unavailable'))
      let open: readonly number[] = beats.map((_, index) => index)
      for (let left = mostRounds; open.length > 0 && left > 0; left -= 1) {
        const now = clock.now()
        const { decided, later, settled, waits } = rounds.decide(open, beats, caller, now)
        for (const [index, outcome] of settled) answers[index] = outcome
        const [written] = await Promise.all([rounds.write(decided, caller, now), ...waits])
        const again: number[] = []
        for (const [at, { index, beat }] of decided.entries()) {
          const outcome = written[at] ?? null
          if (outcome === null) again.push(index)
          else answers[index] = outcome
          if (outcome?.why !== undefined) refusals.add(beat, outcome.why, caller, now)
        }
        open = [...later, ...again].toSorted((a, b) => a - b)
      }
      for (const outcome of answers) tally.count(outcome)
      return answers
    },
    unreadable(fault) {
      const outcome = refusal('service-invalid', fault)
      tally.count(outcome)
      return outcome
    },
    refusedOf: refusals.of,
  }
}

interface Round {
  readonly decided: Decided[]
  /** Wait for another of this round, or for what other calls are writing. */
  readonly later: number[]
  readonly settled: [number, BeatOutcome][]
  readonly waits: Promise<unknown>[]
}

function createRounds({ roster }: Pick<BeatsParts, 'roster'>, judge: Judge, writes: Writes) {
  /** Being written, by whatever call: what becomes of them, and of what hangs below, is decided when that is done. */
  const arriving = new Map<string, Promise<unknown>>()

  return {
    /** Of one service, and of a parent and its children, each waits for the one before it. */
    decide(open: readonly number[], beats: readonly Heartbeat[], caller: Caller, now: Instant): Round {
      const round: Round = { decided: [], later: [], settled: [], waits: [] }
      const busy = new Set<string>()
      for (const index of open) {
        const beat = beats[index]!
        const key = refText(beat)
        const above = aboveText(beat)
        const other = arriving.get(key) ?? arriving.get(above)
        if (other !== undefined) round.waits.push(other)
        if (other !== undefined || busy.has(key) || busy.has(above)) {
          busy.add(key)
          round.later.push(index)
          continue
        }
        const slot = roster.find(beat.type, beat.id)
        const is =
          slot === noSlot ? judge.unknown(beat, caller, now) : (judge.known(slot, beat, caller, now) ?? 'transit')
        if (typeof is === 'object') {
          round.settled.push([index, is])
          continue
        }
        busy.add(key)
        round.decided.push({ index, beat, slot, does: is })
      }
      return round
    },
    async write(decided: readonly Decided[], caller: Caller, now: Instant) {
      if (decided.length === 0) return []
      const writing = writes.write(decided, caller, now)
      const keys = decided.filter(({ slot }) => slot === noSlot).map(({ beat }) => refText(beat))
      for (const key of keys) arriving.set(key, writing)
      try {
        return await writing
      } finally {
        for (const key of keys) arriving.delete(key)
      }
    },
  }
}

/** Its parent as events name it; '' where it names none. */
function aboveText({ type, parent }: Heartbeat): string {
  const above = parentType(type)
  return above === null || parent === '' ? '' : `${above}/${parent}`
}
