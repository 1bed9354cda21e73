/** Takes heartbeats: see beats.ts. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { Registrations } from '../registration/registrations.ts'
import { mostAtOnce } from '../roster/find-all.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import type { BeatOutcome, Beats, Heartbeat } from './beats.ts'
import { createJudge, type JudgeParts } from './judge.ts'
import { createNewcomers } from './newcomers.ts'
import { refusal } from './outcomes.ts'
import { createRefusals } from './refusals.ts'
import { createRounds } from './rounds.ts'
import { createTally } from './tally.ts'
import { createWrites, type WritesParts } from './writes.ts'

export type BeatsParts = Omit<JudgeParts, 'refusals' | 'newcomers'> &
  WritesParts & {
    readonly config: Pick<ServicesConfig, 'implicit' | 'known'>
    readonly clock: Clock
    readonly metrics: Metrics
    readonly liveness: Pick<Liveness, 'heard' | 'bring'>
    readonly registrations: Pick<Registrations, 'register' | 'transitAll' | 'follow'>
    readonly journal: Pick<Journal, 'shared'>
  }

export function createBeats(parts: BeatsParts): Beats {
  const { roster, liveness, clock } = parts
  const refusals = createRefusals()
  const newcomers = createNewcomers(parts.config)
  const judge = createJudge({ ...parts, refusals, newcomers })
  const rounds = createRounds({ ...parts, judge, writes: createWrites(parts), refusals, newcomers })
  const tally = createTally(parts.metrics)
  const found = new Int32Array(mostAtOnce)

  const takeAt = (slot: Slot, beat: Heartbeat, caller: Caller, now: Instant): BeatOutcome | null => {
    const outcome = slot === noSlot ? null : judge.known(slot, beat, caller, now)
    if (outcome !== null) tally.count(outcome)
    return outcome
  }

  const takeAllNow: Beats['takeAllNow'] = (beats, caller, now, into) => {
    for (let from = 0; from < beats.length; from += mostAtOnce) {
      const count = Math.min(mostAtOnce, beats.length - from)
      roster.findAll(beats, from, count, found)
      liveness.bring(found, count)
      for (let n = 0; n < count; n += 1) into[from + n] = takeAt(found[n]!, beats[from + n]!, caller, now)
    }
  }

  return {
    takeNow: (beat, caller, now) => takeAt(roster.find(beat.type, beat.id), beat, caller, now),
    takeAllNow,
    async take(beats, caller) {
      const answers: (BeatOutcome | null)[] = []
      takeAllNow(beats, caller, clock.now(), answers)
      const open = answers.flatMap((outcome, index) => (outcome === null ? [index] : []))
      await rounds.settle(open, beats, caller, (index, outcome) => {
        answers[index] = outcome
        tally.count(outcome)
      })
      return answers.map((outcome) => outcome ?? refusal('service-unavailable'))
    },
    unreadable(fault) {
      const outcome = refusal('service-invalid', fault)
      tally.count(outcome)
      return outcome
    },
    refusedOf: refusals.of,
  }
}
