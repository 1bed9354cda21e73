/** What PostgreSQL's SQLSTATEs (postgresql.org/docs/15/errcodes-appendix.html) and broken connections mean. */
import { AppError, messageOf } from '../../kernel/errors.ts'

/** Classes and codes after which the same call may succeed later. */
const passing = [
  '08', // connection exception
  '40', // transaction rollback
  '53', // insufficient resources; 53100 disk_full apart
  '55P03', // lock not available
  '57', // operator intervention: shutdown, cancelled by a timeout
  '58', // system error
  '25006', // read-only: a standby that was not promoted yet
  '25P03', // idle in transaction for too long
]

/** `effect`: whether the transaction may have happened nevertheless. */
export function postgresError(thrown: unknown, effect: 'none' | 'unknown' = 'none'): AppError {
  if (thrown instanceof AppError) return thrown
  const state = sqlStateOf(thrown)
  const detail = messageOf(thrown)
  if (state === null) {
    // No answer of the server, but of the socket or of the client: the connection is gone.
    return new AppError('journal.unavailable', detail, { cause: thrown, data: { effect } })
  }
  const options = { cause: thrown, data: { sqlState: state, effect } }
  if (state === '53100') return new AppError('journal.full', detail, options)
  if (passing.some((start) => state.startsWith(start))) return new AppError('journal.unavailable', detail, options)
  return new AppError('internal', detail, options)
}

function sqlStateOf(thrown: unknown): string | null {
  const { code, severity } = (thrown ?? {}) as { code?: unknown; severity?: unknown }
  // Errors of sockets have codes too (ECONNRESET); only the server's have a severity.
  return typeof code === 'string' && severity !== undefined ? code : null
}
