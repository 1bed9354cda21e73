/** The drop-in's file of service accounts: a list of what the configuration calls `identities`. */
import { readFile } from 'node:fs/promises'
import { load } from 'js-yaml'
import { AppError, messageOf } from '../../kernel/errors.ts'
import type { Identity } from '../../kernel/route.ts'
import { openIdentity, type IdentityParts } from './access/identities.ts'
import { identityEntry, type IdentityEntry } from './access/settings.ts'

/** Rejects with `config.invalid`, naming the file. */
export async function openIdentityFile(file: string, parts: IdentityParts): Promise<Identity> {
  return openIdentity(await readEntries(file), parts)
}

async function readEntries(file: string): Promise<IdentityEntry[]> {
  const invalid = (what: string, cause?: unknown) => new AppError('config.invalid', `${file}: ${what}`, { cause })
  let found: unknown
  try {
    found = load(await readFile(file, 'utf8'))
  } catch (thrown) {
    throw invalid(messageOf(thrown).split('\n', 1)[0]!, thrown)
  }
  if (!Array.isArray(found)) throw invalid('is no list')
  return found.map((one, index) => {
    const read = identityEntry.safeParse(one)
    if (read.success) return read.data
    const [issue] = read.error.issues
    const [first] = issue?.code === 'invalid_union' ? (issue.errors[0] ?? []) : [issue]
    const where = first?.path.join('.') ?? ''
    throw invalid(`entry ${index + 1}${where && `, ${where}`}: ${first?.message ?? 'names neither issuer nor review'}`)
  })
}
