/** What is kept of the looks at one repository: for whoever asks, and, now and then, in the ledger. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Looked } from './place-look.ts'
import type { Proof } from './proof.ts'
import type { Repositories } from './repositories.ts'
import type { Place } from './watch.ts'

export interface LookRecord {
  /** Last look that could tell of all it was for. */
  readonly lookedAt: Instant | null
  /** Of the last look. */
  readonly requests: number
  keep(looked: Looked): void
  /** In the ledger, where that is worth it. */
  note(): void
  /** As the process before this one left it. */
  recall(): void
}

export interface LookRecordParts {
  readonly place: Place
  readonly repositories: Repositories
  readonly proof: Proof
  readonly clock: Clock
}

/** How old `lookedAt` of the row may be, where nothing was learnt of webhooks; what this process is asked is exact. */
const noteEvery: Ms = 10 * 60_000

export function createLookRecord({ place, repositories, proof, clock }: LookRecordParts): LookRecord {
  const { registry, image } = place
  let lookedAt: Instant | null = null
  let requests = 0
  let list: Digest | null = null
  /** As the ledger has it, or is about to. */
  let noted: { lookedAt: Instant; hookedAt: Instant | null; missedAt: Instant | null } | null = null

  return {
    get lookedAt() {
      return lookedAt
    },
    get requests() {
      return requests
    },
    keep(looked) {
      requests = looked.requests
      list = looked.list ?? list
      if (looked.worst === null) lookedAt = clock.now()
    },
    note() {
      if (lookedAt === null) return
      const { hookedAt, missedAt } = proof
      const isRecent = noted !== null && lookedAt - noted.lookedAt < noteEvery
      if (isRecent && noted?.hookedAt === hookedAt && noted.missedAt === missedAt) return
      noted = { lookedAt, hookedAt, missedAt }
      repositories.note({ registry, image, lookedAt, hookedAt, missedAt, list })
    },
    recall() {
      const row = repositories.of(place)
      if (row === null) return
      proof.recall(row)
      lookedAt ??= row.lookedAt
      noted ??= { ...row, lookedAt: row.lookedAt ?? 0 }
    },
  }
}
