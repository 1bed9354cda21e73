/** What looking for the newest version of a stage came to. */
import type { Reason } from '../../../engine/reason.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Result, Version } from '../model.ts'

export type Outcome = Found | None | Failed

export interface Found {
  readonly is: 'version'
  readonly version: Version
}

/** The registry has answered, and there is nothing to deploy. */
export interface None {
  readonly is: 'none'
  readonly result: 'no_match' | 'ambiguous' | 'not_found'
  readonly detail: string
}

/** It could not be told: nothing is known to have changed, and nothing not to have. */
export interface Failed {
  readonly is: 'failed'
  readonly result: 'unauthorised' | 'rate_limited' | 'unreachable' | 'invalid_response'
  readonly detail: string
  /** The registry said so: not before. */
  readonly until: Instant | null
}

export const none = (result: None['result'], detail: string): None => ({ is: 'none', result, detail })

/** By `data.why` of connectors/oci/failure.ts. What has none, a time-out of ours among it, was no answer. */
const families: { readonly [why: string]: Failed['result'] } = {
  'unauthorized': 'unauthorised',
  'forbidden': 'unauthorised',
  'rate-limited': 'rate_limited',
  'malformed': 'invalid_response',
  'digest-mismatch': 'invalid_response',
  'too-large': 'invalid_response',
}

export function failureOf(thrown: unknown, now: Instant): Failed {
  const error = asAppError(thrown, 'source.unavailable')
  const { why, retryAfter } = error.data
  return {
    is: 'failed',
    result: (typeof why === 'string' ? families[why] : undefined) ?? 'unreachable',
    detail: error.detail,
    until: typeof retryAfter === 'number' ? now + retryAfter : null,
  }
}

/** Results that say that a version is there. */
export const isFound = (result: Result): boolean => found.has(result)
const found: ReadonlySet<Result> = new Set<Result>(['first', 'unchanged', 'new', 'moved', 'regressed'])

/** As the engine, its events and docs/reasons.md call it. */
export function reasonOf({ result }: None | Failed): Reason {
  return result.replaceAll('_', '-')
}
