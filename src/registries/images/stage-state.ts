/** How the deploy of a stage stands, in words for people. */
import type { DeliveryState } from '../../engine/tables.ts'

export const stageStates = [
  'nothing',
  'pending',
  'held',
  'deploying',
  'deployed',
  'rejected',
  'failed',
  'unsure',
] as const

/**
 * nothing    nothing was ever to be deployed there
 * pending    it goes with the next pass
 * held       waits for a person or a time
 * deploying  it is being brought there
 * deployed   what runs there is what is wanted
 * rejected   it did not come up, or never can; not tried again before a newer version, or a person
 * failed     it could not be tried, and is tried again
 * unsure     it was begun, and nobody can tell yet whether it was done
 */
export type StageState = (typeof stageStates)[number]

const words: { readonly [state in DeliveryState]: StageState } = {
  pending: 'pending',
  held: 'held',
  sending: 'deploying',
  waiting: 'deploying',
  applied: 'deployed',
  rejected: 'rejected',
  failed: 'failed',
  unsure: 'unsure',
}

/** null: the ledger has no delivery of it. */
export function stateOf(delivery: DeliveryState | null): StageState {
  return delivery === null ? 'nothing' : words[delivery]
}
