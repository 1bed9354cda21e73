import { AppError } from '../../kernel/errors.ts'

/**
 * There was no answer, or not a whole one. Whoever asked knows what that means for it and gives it a code of the
 * table; `code` is what the system or the HTTP library calls it.
 */
export class HttpFailure extends Error {
  readonly why: 'network' | 'timed-out' | 'malformed' | 'too-large'
  readonly code: string

  constructor(why: HttpFailure['why'], code: string, options: { cause?: unknown } = {}) {
    super(`${words[why]} (${code})`, options)
    this.name = 'HttpFailure'
    this.why = why
    this.code = code
  }
}

const words = {
  'network': 'the connection failed',
  'timed-out': 'no answer in time',
  'malformed': 'the answer is not HTTP',
  'too-large': 'the answer is larger than it may be',
} as const

const timeouts = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])

/** What a request ended with, `signal` asked first: an abort shows as all sorts of errors. */
export function failureOf(thrown: unknown, signal: AbortSignal): AppError | HttpFailure {
  if (signal.aborted) {
    const reason: unknown = signal.reason
    return reason instanceof AppError ? reason : new AppError('aborted', 'a request', { cause: reason })
  }
  if (thrown instanceof HttpFailure || thrown instanceof AppError) return thrown
  const code = codeOf(thrown)
  if (timeouts.has(code)) return new HttpFailure('timed-out', code, { cause: thrown })
  if (code.startsWith('HPE_') || code === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return new HttpFailure('malformed', code, { cause: thrown })
  return new HttpFailure('network', code, { cause: thrown })
}

function codeOf(thrown: unknown): string {
  // Several addresses of one name failed: each has its own code.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0])
  const { code, name } = thrown as { code?: unknown; name?: unknown }
  if (typeof code === 'string') return code
  return typeof name === 'string' ? name : 'unknown'
}
