/** What SQLite's result codes (sqlite.org/rescode.html) mean to a caller of the journal. */
import { AppError, messageOf } from '../../kernel/errors.ts'

const code = { busy: 5, locked: 6, readOnly: 8, io: 10, corrupt: 11, full: 13, notDatabase: 26 } as const
/** The shared memory of the WAL could not grow: the disk is full, or has no file left. */
const ioShmSize = code.io | (19 << 8)

function resultOf(thrown: unknown): number | null {
  const result = (thrown as { errcode?: unknown } | null)?.errcode
  return typeof result === 'number' ? result : null
}

export function isBusy(thrown: unknown): boolean {
  const result = resultOf(thrown)
  return result !== null && ((result & 0xff) === code.busy || (result & 0xff) === code.locked)
}

/** `effect`: whether the transaction may have happened nevertheless. */
export function sqliteError(thrown: unknown, effect: 'none' | 'unknown' = 'none'): AppError {
  if (thrown instanceof AppError) return thrown
  const result = resultOf(thrown)
  const detail = messageOf(thrown)
  if (result === null) return new AppError('internal', detail, { cause: thrown })
  const options = { cause: thrown, data: { sqlite: result, effect } }
  if (result === ioShmSize) return new AppError('journal.full', detail, options)
  switch (result & 0xff) {
    case code.full:
      return new AppError('journal.full', detail, options)
    case code.corrupt:
    case code.notDatabase:
      return new AppError('journal.broken', `the database file is damaged: ${detail}`, options)
    case code.io:
    case code.busy:
    case code.locked:
    case code.readOnly:
      return new AppError('journal.unavailable', detail, options)
    default:
      return new AppError('internal', detail, options)
  }
}
