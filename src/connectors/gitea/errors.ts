/** What an answer of Gitea's or Forgejo's means for whoever asked. */
import type { Instant } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import { sayable, type Asked, type Reply } from '../forge/answers.ts'
import { refused, unavailable, type ForgeErrorData, type ForgeTrouble } from '../forge/failure.ts'
import { retryAfterOf } from '../http/retry-after.ts'

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

function messageIn(body: Buffer): string {
  try {
    const { message } = (JSON.parse(body.toString()) ?? {}) as { message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}
