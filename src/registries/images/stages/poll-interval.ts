/** How often stages without a schedule of their own are polled: as the config says, until a person says otherwise. */
import type { Ms } from '../../../kernel/clock.ts'

export interface PollInterval {
  /** In force now. */
  get(): Ms
  /** As the config has it. */
  readonly configured: Ms
  /** null: as the config has it. Throws AppError `request.invalid` below `shortestPoll`. */
  set(interval: Ms | null, by: string): Promise<void>
  /** Calls back after it changed, by whomever. */
  subscribe(listener: () => void): () => void
  start(): Promise<void>
  close(): Promise<void>
}

export const shortestPoll: Ms = 10_000
