/** What an answer of Gitea's or Forgejo's, or none, means for whoever asked. */
import type { Instant } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { refused, unavailable, type ForgeErrorData, type ForgeTrouble } from '../forge/failure.ts'
import { HttpFailure } from '../http/client.ts'
import { retryAfterOf } from '../http/retry-after.ts'

/** Where and what: `acme/claims`, `open a pull request`. */
export interface Asked {
  readonly host: string
  readonly repository: string
  readonly what: string
}

export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** By status; what is not named is `invalid`. */
const meanings: Readonly<Record<number, readonly [why: ForgeTrouble, step: string]>> = {
  401: ['unauthorized', '; give a token that is valid'],
  403: ['forbidden', '; the token needs write:repository and write:issue, and its user the right to write there'],
  404: ['not-found', '; is the name right, and may this token see it?'],
  405: ['invalid', ''],
  413: ['too-large', ''],
  423: ['forbidden', '; the repository is archived'],
}

/** `hide` takes secrets out of what the other side says. */
export function errorOfReply(asked: Asked, reply: Reply, now: Instant, hide: (text: string) => string): AppError {
  const { status, headers, body } = reply
  const { host, repository, what } = asked
  const said = sayable(hide(messageIn(body)))
  const answered = `${host} answered ${status}${said === '' ? '' : ` (${said})`} to: ${what}, ${repository}`
  const data = (why: ForgeTrouble): ForgeErrorData => ({ host, why, status })
  const wait = retryAfterOf(headers['retry-after'], now)
  // Gitea has no limits of its own; what stands before it has.
  if (status === 429 || (status === 503 && wait !== null)) {
    const retryAfter = wait ?? 60_000
    return unavailable(`${answered}; asked again when it allows it`, { ...data('rate-limited'), retryAfter })
  }
  if (status >= 500) return unavailable(answered, data('server-error'))
  if (status === 408) return unavailable(answered, data('timed-out'))
  if (status === 409) return unavailable(`${answered}; somebody else writes there`, data('conflict'))
  if (status >= 300 && status < 400) {
    return refused(`${answered}; it was renamed or moved, write its new name`, data('not-found'))
  }
  const [why, step] = meanings[status] ?? (['invalid', ''] as const)
  return refused(`${answered}${step}`, data(why))
}

/** No answer, or none in time. */
export function errorOfSilence({ host, repository, what }: Asked, thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code !== 'timed-out') return thrown
  const why: ForgeTrouble =
    thrown instanceof AppError ? 'timed-out' : thrown instanceof HttpFailure ? thrown.why : 'network'
  const detail = `${host} did not answer: ${what}, ${repository} (${sayable(messageOf(thrown))})`
  return why === 'too-large' ? refused(detail, { host, why }, thrown) : unavailable(detail, { host, why }, thrown)
}

export function malformed({ host, repository, what }: Asked, detail: string, cause?: unknown): AppError {
  return unavailable(`${host} answered with ${detail}: ${what}, ${repository}`, { host, why: 'malformed' }, cause)
}

/** Whether what was asked for may have been done all the same. */
export function isLost(thrown: unknown): boolean {
  const why = whyOf(thrown)
  return why === 'network' || why === 'timed-out' || why === 'server-error' || why === 'malformed'
}

export function whyOf(thrown: unknown): ForgeTrouble | null {
  return thrown instanceof AppError ? ((thrown.data['why'] as ForgeTrouble | undefined) ?? null) : null
}

function messageIn(body: Buffer): string {
  try {
    const { message } = (JSON.parse(body.toString()) ?? {}) as { message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}

/** One printable line. */
function sayable(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 300)
    .trim()
}
