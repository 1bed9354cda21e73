/** What goes wrong at a forge, in words for a person and in fields for a program. */
import type { Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'

export type ForgeTrouble =
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'invalid'
  | 'conflict'
  | 'rate-limited'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'malformed'
  | 'too-large'

/** `data` of every error of a forge. */
export interface ForgeErrorData extends Record<string, unknown> {
  readonly host: string
  readonly why: ForgeTrouble
  readonly status?: number
  /** How long the forge asks to be left alone. */
  readonly retryAfter?: Ms
}

/** It may go better another time. */
export function unavailable(detail: string, data: ForgeErrorData, cause?: unknown): AppError {
  return new AppError('target.unavailable', detail, { data, cause })
}

/** It will not until somebody changes something. */
export function refused(detail: string, data: ForgeErrorData, cause?: unknown): AppError {
  return new AppError('target.refused', detail, { data, cause })
}
