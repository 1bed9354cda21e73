/** Tokens for tests, written to the ledger as another replica would write them. */
import { randomBytes } from 'node:crypto'
import { put, type Journal } from '../../engine/journal.ts'
import type { Instant } from '../../kernel/clock.ts'
import { mintToken, tokens, type TokenRow } from '../access/token.ts'

export async function addToken(journal: Journal, changes: Partial<TokenRow> = {}): Promise<string> {
  const { id, text, hash } = mintToken(randomBytes)
  const row: TokenRow = {
    id,
    name: id,
    hash,
    role: 'admin',
    scopes: null,
    subject: null,
    createdAt: 0 as Instant,
    createdBy: 'test',
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...changes,
  }
  await journal.commit([put(tokens, row, { type: 'token.created', key: id }, 'absent')])
  return text
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` }
}
