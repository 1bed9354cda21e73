/**
 * One table of everything that can go wrong by name: what it says, its HTTP status, and what the
 * loop does about it.
 *
 *   retry   the same call may succeed later: back off and repeat
 *   reject  the same call will fail again until its input changes
 *   wait    something outside must change first; not counted as a failure of the caller
 *   bug     cannot happen; logged with its stack
 */
export type ErrorClass = 'retry' | 'reject' | 'wait' | 'bug'

const table = {
  'internal': { title: 'internal error', status: 500, class: 'bug' },
  'aborted': { title: 'stopped before it was done', status: 503, class: 'retry' },
  'timed-out': { title: 'no answer in time', status: 504, class: 'retry' },

  'config.invalid': { title: 'configuration is invalid', status: 400, class: 'reject' },
  'config.owned': { title: 'owned by the configuration file', status: 409, class: 'reject' },

  'journal.fenced': { title: 'lease lost to another replica', status: 409, class: 'wait' },
  'journal.full': { title: 'no space left for the journal', status: 503, class: 'wait' },
  'journal.busy': { title: 'state is held by another process', status: 409, class: 'wait' },
  'journal.newer': { title: 'state was written by a newer version', status: 500, class: 'reject' },
  'journal.broken': { title: 'event chain does not verify', status: 500, class: 'bug' },
  'journal.unavailable': { title: 'database does not answer', status: 503, class: 'retry' },
  'journal.closed': { title: 'journal is closed', status: 503, class: 'wait' },

  'source.unavailable': { title: 'source could not be read', status: 502, class: 'retry' },
  'source.invalid': { title: 'what the source holds cannot be used', status: 422, class: 'reject' },
  'target.unavailable': { title: 'target does not answer', status: 502, class: 'retry' },
  'target.refused': { title: 'target refused the change', status: 502, class: 'reject' },
  'target.conflict': { title: 'changed by another writer meanwhile', status: 409, class: 'retry' },

  'services.unknown': { title: 'service is not registered', status: 403, class: 'reject' },
  'services.revoked': { title: 'service was revoked', status: 403, class: 'reject' },
  'services.deleted': { title: 'service was deleted', status: 410, class: 'reject' },
  'services.exists': { title: 'service is registered otherwise', status: 409, class: 'reject' },
  'services.parent': { title: 'parent does not fit', status: 409, class: 'reject' },
  'services.transition': { title: 'its status does not allow that', status: 409, class: 'reject' },

  'storage.full': { title: 'no space left in the state folder', status: 507, class: 'wait' },

  'server.unreachable': { title: 'Regista does not answer', status: 502, class: 'retry' },

  'request.invalid': { title: 'request is invalid', status: 400, class: 'reject' },
  'request.unauthenticated': { title: 'credentials are missing or not valid', status: 401, class: 'reject' },
  'request.forbidden': { title: 'not allowed', status: 403, class: 'reject' },
  'request.not-found': { title: 'not found', status: 404, class: 'reject' },
  'request.conflict': { title: 'conflict', status: 409, class: 'reject' },
  'request.method': { title: 'method is not allowed here', status: 405, class: 'reject' },
  'request.timed-out': { title: 'request did not arrive in time', status: 408, class: 'retry' },
  'request.precondition': { title: 'changed since it was read', status: 412, class: 'reject' },
  'request.too-large': { title: 'body is too large', status: 413, class: 'reject' },
  'request.media-type': { title: 'content type is not supported', status: 415, class: 'reject' },
  'request.headers': { title: 'headers are too large', status: 431, class: 'reject' },
  'request.host': { title: 'host name is not one of ours', status: 421, class: 'reject' },
  'request.origin': { title: 'sent by a page of another site', status: 403, class: 'reject' },
  'request.insecure': { title: 'credentials came unprotected over the network', status: 403, class: 'reject' },
  'request.too-many': { title: 'too many requests', status: 429, class: 'retry' },
} as const satisfies Record<string, { title: string; status: number; class: ErrorClass }>

export type ErrorCode = keyof typeof table

export const errorTable: Readonly<Record<ErrorCode, { title: string; status: number; class: ErrorClass }>> = table

/**
 * An error with a stable code. `detail` is one sentence for a person, with the next step where
 * there is one; it must not hold secrets. `data` adds fields for logs and problem+json.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, detail: string, options: { cause?: unknown; data?: Record<string, unknown> } = {}) {
    super(`${table[code].title}: ${detail}`, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.data = options.data ?? {}
  }

  get class(): ErrorClass {
    return table[this.code].class
  }

  get status(): number {
    return table[this.code].status
  }
}

/** Gives any thrown value a code; an AppError passes unchanged. */
export function asAppError(thrown: unknown, code: ErrorCode = 'internal'): AppError {
  if (thrown instanceof AppError) return thrown
  return new AppError(code, messageOf(thrown), { cause: thrown })
}

export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  return String(thrown)
}
