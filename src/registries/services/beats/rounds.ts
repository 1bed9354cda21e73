/** What has to be written is written in rounds, each decided on what is true by then. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Caller } from '../../../kernel/route.ts'
import { parentType, refText } from '../model.ts'
import type { Registrations } from '../registration/registrations.ts'
import { noSlot, type Roster } from '../roster/roster.ts'
import type { BeatOutcome, Heartbeat } from './beats.ts'
import type { Judge } from './judge.ts'
import type { Newcomers } from './newcomers.ts'
import { refusal } from './outcomes.ts'
import type { Refusals } from './refusals.ts'
import type { Decided, Writes } from './writes.ts'

export interface RoundsParts {
  readonly roster: Pick<Roster, 'find'>
  readonly judge: Judge
  readonly writes: Writes
  readonly refusals: Refusals
  readonly newcomers: Pick<Newcomers, 'giveBack'>
  readonly clock: Clock
  readonly journal: Pick<Journal, 'shared'>
  readonly registrations: Pick<Registrations, 'follow'>
}

export interface Rounds {
  /** Answers each of `open` once, by its place among `beats`. Never rejects for one of them. */
  settle(
    open: readonly number[],
    beats: readonly Heartbeat[],
    caller: Caller,
    answer: (index: number, outcome: BeatOutcome) => void,
  ): Promise<void>
}

/** One that loses its turn so often has many senders at once; it will be sent again. */
const mostRounds = 8

interface Round {
  readonly decided: Decided[]
  /** Wait for another of this round, or for what other calls are writing. */
  readonly later: number[]
  readonly settled: [number, BeatOutcome][]
  readonly waits: Promise<unknown>[]
}

export function createRounds(parts: RoundsParts): Rounds {
  const { roster, judge, writes, refusals, newcomers, clock, journal, registrations } = parts
  /** Being written, by whatever call: what becomes of them, and of what hangs below, is decided when that is done. */
  const arriving = new Map<string, Promise<unknown>>()

  /** Of one service, and of a parent and its children, each waits for the one before it. */
  const decide = (open: readonly number[], beats: readonly Heartbeat[], caller: Caller, now: Instant): Round => {
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
  }

  const write = async (decided: readonly Decided[], caller: Caller, now: Instant) => {
    if (decided.length === 0) return []
    const writing = writes.write(decided, caller, now)
    const keys = decided.filter(({ slot }) => slot === noSlot).map(({ beat }) => refText(beat))
    for (const key of keys) arriving.set(key, writing)
    try {
      return await writing
    } finally {
      for (const key of keys) arriving.delete(key)
    }
  }

  /** Who is not known here may have been registered by way of another replica just now. */
  const catchUp = async (open: readonly number[], beats: readonly Heartbeat[]) => {
    const isNew = (index: number) => roster.find(beats[index]!.type, beats[index]!.id) === noSlot
    if (journal.shared !== true || !open.some(isNew)) return
    // Where it cannot be read, what is known decides.
    await registrations.follow().catch(() => {})
  }

  return {
    async settle(asked, beats, caller, answer) {
      await catchUp(asked, beats)
      let open = asked
      for (let left = mostRounds; open.length > 0 && left > 0; left -= 1) {
        const now = clock.now()
        const { decided, later, settled, waits } = decide(open, beats, caller, now)
        for (const [index, outcome] of settled) answer(index, outcome)
        const [written] = await Promise.all([write(decided, caller, now), ...waits])
        const again: number[] = []
        for (const [at, { index, beat, does }] of decided.entries()) {
          const outcome = written[at] ?? null
          if (does === 'register' && outcome?.result !== 'registered') newcomers.giveBack(caller)
          if (outcome === null) again.push(index)
          else answer(index, outcome)
          if (outcome?.why !== undefined) refusals.add(beat, outcome.why, caller, now)
        }
        open = [...later, ...again].toSorted((a, b) => a - b)
      }
      for (const index of open) answer(index, refusal('service-unavailable'))
    },
  }
}

/** Its parent as events name it; '' where it names none. */
function aboveText({ type, parent }: Heartbeat): string {
  const above = parentType(type)
  return above === null || parent === '' ? '' : `${above}/${parent}`
}
