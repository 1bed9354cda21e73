/** Whether a poller may report. The registry decides first; the list and the mode are for those who migrate. */
import type { ServiceStatus } from './model.ts'

export interface Known {
  readonly known: boolean
  /** null: it is not registered. */
  readonly status: ServiceStatus | null
  /** What decided: the registry, the static list, or the mode `off`. In mode `shadow` it is said what would have been. */
  readonly by: 'registry' | 'list' | 'off' | 'shadow'
}

export interface KnownCheck {
  /** From memory, no allocation beyond the answer; right as soon as a write is answered. */
  isKnown(poller: string): boolean
  explain(poller: string): Known
}
