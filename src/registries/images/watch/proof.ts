/** Whether webhooks tell of a repository: seen to by looks that found what one had told of, and by those that did not. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'

export interface Proof {
  readonly hookedAt: Instant | null
  readonly missedAt: Instant | null
  /** Webhooks can be relied on for now. */
  holds(): boolean
  /** As the ledger has it. */
  recall(known: { readonly hookedAt: Instant | null; readonly missedAt: Instant | null }): void
  /** A webhook named what a look then found. */
  told(): void
  /** A look found these tags and no webhook had named them. Answers whether one should have. */
  found(tags: readonly string[]): boolean
  /** A webhook came: of what was found just before, it was only slower. Answers whether that changes anything. */
  came(tag: string | null): boolean
}

const lasts: Ms = 24 * 3_600_000
/** A webhook that comes so much later than a poll that found the same is none that was lost. */
const overtaken: Ms = 60_000

export function createProof(clock: Clock): Proof {
  let hookedAt: Instant | null = null
  let missedAt: Instant | null = null
  let missed: { readonly tags: readonly string[]; readonly before: Instant | null } | null = null

  return {
    get hookedAt() {
      return hookedAt
    },
    get missedAt() {
      return missedAt
    },
    holds: () => hookedAt !== null && clock.now() - hookedAt < lasts && (missedAt === null || missedAt < hookedAt),
    recall(known) {
      hookedAt ??= known.hookedAt
      missedAt ??= known.missedAt
    },
    told() {
      hookedAt = clock.now()
      missed = null
      // In the same millisecond: what was told of last counts.
      if (missedAt !== null && missedAt >= hookedAt) missedAt = hookedAt - 1
    },
    found(tags) {
      // Nobody has set up a webhook there: nothing was lost.
      if (hookedAt === null) return false
      missed = { tags, before: missedAt }
      missedAt = clock.now()
      return true
    },
    came(tag) {
      if (missed === null || missedAt === null || clock.now() - missedAt > overtaken) return false
      if (tag !== null && !missed.tags.includes(tag)) return false
      missedAt = missed.before
      missed = null
      hookedAt = clock.now()
      return true
    },
  }
}
