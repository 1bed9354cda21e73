/** What an answer of GitHub's means for whoever asked. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { sayable, whyOf, type Asked, type Reply } from '../forge/answers.ts'
import { refused, unavailable, type ForgeErrorData, type ForgeTrouble } from '../forge/failure.ts'
import { patience } from './manners.ts'
import { retryAfterOf } from '../http/retry-after.ts'

/** Without a word of how long, GitHub asks for a minute, and longer each time (docs: rate limits, best practices). */
const leastRest: Ms = 60_000
const longestRest: Ms = 3_600_000

const limits = /rate limit|abuse detection/i

/** Primary limits come as 403 or 429 with nothing remaining, secondary ones as 403 or 429 with or without a time. */
export function isLimit({ status, headers, body }: Reply): boolean {
  if (status === 429) return true
  if (status !== 403) return false
  return (
    headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0' || limits.test(messageIn(body))
  )
}

/** `limitsInARow` counts those before this one. */
export function restOf({ headers }: Reply, now: Instant, limitsInARow: number): Ms {
  const said = retryAfterOf(headers['retry-after'], now)
  if (said !== null) return Math.min(said, longestRest)
  const reset = Number(headers['x-ratelimit-reset'])
  if (headers['x-ratelimit-remaining'] === '0' && Number.isFinite(reset)) {
    // By GitHub's clock, which its answer tells.
    const theirs = Date.parse(String(headers['date']))
    return Math.min(Math.max(reset * 1000 - (Number.isNaN(theirs) ? now : theirs), 1000), longestRest)
  }
  return Math.min(leastRest * 2 ** Math.min(limitsInARow, 10), longestRest)
}

export function limited({ host, repository, what }: Asked, wait: Ms, status?: number): AppError {
  const seconds = Math.ceil(wait / 1000)
  const detail = `${host} asks to be left alone for ${seconds} s; it is asked again then (${what}, ${repository})`
  return unavailable(detail, {
    host,
    why: 'rate-limited',
    retryAfter: Math.ceil(wait),
    ...(status !== undefined && { status }),
  })
}

/** `hide` takes secrets out of what the other side says. */
export function errorOfReply(asked: Asked, reply: Reply, hide: (text: string) => string): AppError {
  const { status } = reply
  const { host, repository, what } = asked
  const said = sayable(hide(messageIn(reply.body)))
  const answered = `${host} answered ${status}${said === '' ? '' : ` (${said})`} to: ${what}, ${repository}`
  const data = (why: ForgeTrouble): ForgeErrorData => ({ host, why, status })
  if (status >= 500) return unavailable(answered, data('server-error'))
  if (status === 408) return unavailable(answered, data('timed-out'))
  if (status === 409) return unavailable(`${answered}; somebody else writes there`, data('conflict'))
  if (status === 401) return refused(`${answered}; give credentials that are valid`, data('unauthorized'))
  if (status === 403) {
    return refused(`${answered}; the credentials need write access to contents and pull requests`, data('forbidden'))
  }
  if (status === 404 || status === 410) {
    return refused(`${answered}; is the name right, and may these credentials see it?`, data('not-found'))
  }
  if (status >= 300 && status < 400) {
    return refused(`${answered}; it was renamed or moved, write its new name`, data('not-found'))
  }
  return refused(answered, data('invalid'))
}

/** Short enough to be waited for here. */
export function isShortLimit(thrown: unknown): boolean {
  const wait = thrown instanceof AppError ? thrown.data['retryAfter'] : null
  return whyOf(thrown) === 'rate-limited' && typeof wait === 'number' && wait <= patience
}

/** Of an error's body: `message`, and what its `errors` add. */
export function messageIn(body: Buffer): string {
  let read: unknown
  try {
    read = JSON.parse(body.toString())
  } catch {
    return ''
  }
  const { message, errors } = (read ?? {}) as { message?: unknown; errors?: unknown }
  const more = (Array.isArray(errors) ? errors : [])
    .map((one: unknown) => (typeof one === 'string' ? one : (one as { message?: unknown } | null)?.message))
    .filter((one) => typeof one === 'string')
  return [typeof message === 'string' ? message : '', ...more].filter((one) => one !== '').join('; ')
}

/** It was understood and not done. */
export function refusedBy({ host, repository, what }: Asked, said: string): AppError {
  return refused(`${host} refused to ${what}, ${repository}: ${sayable(said)}`, { host, why: 'invalid' })
}
