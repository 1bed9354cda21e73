/** Who was refused lately: enough for a person to see why somebody does not appear, and bounded whoever asks. */
import type { Instant } from '../../../kernel/clock.ts'
import type { Caller } from '../../../kernel/route.ts'
import { refText, type ServiceRef } from '../model.ts'
import type { BeatRefusal, Heartbeat, Refused } from './beats.ts'

const most = 10_000

export interface Refusals {
  add(beat: Heartbeat, why: BeatRefusal, caller: Caller, now: Instant): void
  of(ref: ServiceRef): Refused | null
}

export function createRefusals(limit = most): Refusals {
  /** The latest last. */
  const kept = new Map<string, Refused>()
  return {
    add(beat, why, caller, now) {
      const key = refText(beat)
      const count = (kept.get(key)?.count ?? 0) + 1
      kept.delete(key)
      kept.set(key, { at: now, why, from: beat.from, by: caller.name, count })
      if (kept.size <= limit) return
      for (const oldest of kept.keys()) {
        kept.delete(oldest)
        return
      }
    },
    of: (ref) => kept.get(refText(ref)) ?? null,
  }
}
