/**
 * Starts of senders, told apart by the boot id and the sequence that heartbeats may carry.
 *
 * | boot                                    | verdict                                                            |
 * | --------------------------------------- | ------------------------------------------------------------------ |
 * | none said                               | taken: a sequence alone means nothing, its sender may have restarted |
 * | the same, sequence not above the last   | repeated                                                           |
 * | the one before, sequence not above its last | repeated: a late copy                                          |
 * | the one before, and it was just changed | duplicate, once until it calms down; then taken                    |
 * | another                                 | restarted                                                          |
 */
import type { Ms } from '../../../kernel/clock.ts'
import type { Slot } from '../roster/roster.ts'
import { bootAt, duplicated, roomFor, sequenceAt, stride, type BeatColumns } from './columns.ts'
import type { Beat, Heard } from './liveness.ts'

/** Two boots that take turns within this are two senders; after as long without turns it is calm. */
export const calmAfter: Ms = 600_000

/** Numbers of a slot that ever restarted: boot before, the last sequence of that, and when it changed. */
const formerStride = 3

export interface Boots {
  /** Of a beat that says its boot. Keeps what it needs of it unless it is `repeated`. */
  judge(slot: Slot, beat: Beat, at: Ms): Heard
}

export function createBoots(columns: BeatColumns): Boots {
  // Most services never restart within the life of a process: made with the first that does.
  let former = new Float64Array(0)

  function judge(slot: Slot, beat: Beat, at: Ms): Heard {
    const { beats } = columns
    const base = slot * stride
    const boot = bootHash(beat.boot)
    const current = beats[base + bootAt]!
    const said = beat.sequence + 1
    if (boot === current) {
      if (said > 0 && said <= beats[base + sequenceAt]!) return 'repeated'
      if (said > 0) beats[base + sequenceAt] = said
      return 'taken'
    }
    const verdict = current === 0 ? 'taken' : change(slot, boot, said, at)
    if (verdict === 'repeated') return verdict
    beats[base + bootAt] = boot
    beats[base + sequenceAt] = said
    return verdict
  }

  function change(slot: Slot, boot: number, said: number, at: Ms): Heard {
    const { beats, flags } = columns
    const place = slot * formerStride
    if (place >= former.length) grow(slot)
    const recent = at - former[place + 2]! < calmAfter
    const back = boot === former[place] && recent
    if (back && said > 0 && said <= former[place + 1]!) return 'repeated'
    former[place] = beats[slot * stride + bootAt]!
    former[place + 1] = beats[slot * stride + sequenceAt]!
    former[place + 2] = at
    const told = (flags[slot]! & duplicated) !== 0
    if (back && told) return 'taken'
    if (back) flags[slot]! |= duplicated
    else flags[slot]! &= ~duplicated
    return back ? 'duplicate' : 'restarted'
  }

  function grow(slot: Slot): void {
    const more = new Float64Array(formerStride * roomFor(slot, former.length / formerStride))
    more.set(former)
    former = more
  }

  return { judge }
}

/** 53 bits, never 0; two boots of one service meet once in 10^15. */
export function bootHash(boot: string): number {
  let high = 0x9747b28c
  let low = boot.length
  for (let i = 0; i < boot.length; i++) {
    const unit = boot.charCodeAt(i)
    high = Math.imul(high ^ unit, 0x85ebca6b)
    low = Math.imul(low ^ unit, 0xc2b2ae35)
    high ^= high >>> 15
    low ^= low >>> 13
  }
  high = Math.imul(high ^ (low >>> 16), 0x27d4eb2f)
  low = Math.imul(low ^ (high >>> 13), 0x9e3779b1)
  return (high >>> 11) * 0x1_0000_0000 + ((low ^ (low >>> 16)) >>> 0) || 1
}
