/** What is deployed at each stage, from the engine's deliveries: kept in memory as the ledger has it. */
import type { DeliveryState } from '../../../engine/tables.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { StageKey } from '../model.ts'

/** What the delivery of a stage holds as its receipt. */
export interface Receipt {
  readonly tag: string
  readonly digest: Digest
  readonly revision: Digest
  readonly at: Instant
  readonly took: number
  readonly ref?: string
  readonly detail?: string
  readonly effectId: string
  /** What ran there before, as far as it was ours; what a rollback goes back to. */
  readonly previous: { readonly tag: string; readonly digest: Digest } | null
}

export interface Deployed {
  readonly state: DeliveryState
  /** What the ledger believes to run there; null: nothing of ours. */
  readonly revision: Digest | null
  readonly tag: string | null
  /** Of the last deploy of ours; null where it was found there, too. */
  readonly receipt: Receipt | null
}

export interface Deploys {
  start(): Promise<void>
  of(key: StageKey): Deployed | null
  close(): Promise<void>
}
