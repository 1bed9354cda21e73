/** The first token of a server that asks for tokens and has none: shown once, to whoever runs it. */
import { unlink, writeFile } from 'node:fs/promises'
import { AppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { bootstrapId } from './token.ts'
import type { TokenStore } from './token-store.ts'

export interface Bootstrap {
  /** Prints to the terminal that the process runs on; null when there is none. */
  readonly print: ((text: string) => void) | null
  /** Gets the token, mode 0600, when there is no terminal. */
  readonly file: string
}

const admin = { name: 'bootstrap', role: 'admin', scopes: null, subject: null, expiresAt: null } as const

/**
 * Of several replicas that start together one creates it. It is made once in the life of a ledger:
 * who loses it makes another with `regista tokens create` on the machine.
 */
export async function bootstrapToken(store: TokenStore, { print, file }: Bootstrap, logger: Logger): Promise<void> {
  if (store.hasAdmin()) return
  const made = await store.createOnce(bootstrapId, admin, 'server')
  if (made === null) {
    logger.warn({}, 'no token of role admin is valid; make one with: regista tokens create')
    return
  }
  if (print !== null) {
    print(`First token (role admin, shown only now):\n\n  ${made.text}\n\n`)
    return
  }
  await unlink(file).catch(() => {})
  try {
    // wx: whoever put something there in between does not get to read it.
    await writeFile(file, `${made.text}\n`, { mode: 0o600, flag: 'wx' })
  } catch (thrown) {
    await store.revoke(bootstrapId, 'server')
    throw new AppError('config.invalid', `the first token cannot be written to ${file}`, { cause: thrown })
  }
  logger.warn({ file }, 'first token of role admin written; keep it elsewhere and remove the file')
}
