/** Access tokens: what is kept of them, and how their text is made and read. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Instant } from '../../kernel/clock.ts'
import type { Digest } from '../../kernel/digest.ts'
import type { Caller, Role } from '../../kernel/route.ts'
import { defineTable } from '../../kernel/table.ts'

export interface TokenRow {
  readonly id: string
  /** For people; shows up as `token:<name>` in the history. Not unique over time. */
  readonly name: string
  /** Hex SHA-256 of the secret. The secret has 256 random bits: nothing slower is needed. */
  readonly hash: Digest
  readonly role: Role
  readonly scopes: Caller['scopes']
  readonly subject: string | null
  readonly createdAt: Instant
  readonly createdBy: string
  readonly expiresAt: Instant | null
  readonly revokedAt: Instant | null
  /** Bookkeeping, a few minutes behind. */
  readonly lastUsedAt: Instant | null
}

export const tokens = defineTable<TokenRow>('token', ['id'], {
  id: 'text',
  name: 'text',
  hash: 'text',
  role: 'text',
  scopes: 'json',
  subject: 'text',
  createdAt: 'int',
  createdBy: 'text',
  expiresAt: 'int',
  revokedAt: 'int',
  lastUsedAt: 'int',
})

/** Passed in; crypto.randomBytes outside tests. */
export type RandomBytes = (size: number) => Uint8Array

/** Fixed, so that scanners for leaked secrets find it. */
export const tokenPrefix = 'regista_'

/** The prefix, the id, the secret. */
const form = /^regista_([0-9a-f]{12}|bootstrap)_([A-Za-z0-9_-]{43})$/

/** The one token that a server makes by itself has a fixed id: of several replicas one creates it. */
export const bootstrapId = 'bootstrap'

export interface Minted {
  readonly id: string
  /** What the caller sends; never kept. */
  readonly text: string
  readonly hash: Digest
}

export function mintToken(randomBytes: RandomBytes, fixedId?: string): Minted {
  const id = fixedId ?? Buffer.from(randomBytes(6)).toString('hex')
  const text = `${tokenPrefix}${id}_${Buffer.from(randomBytes(32)).toString('base64url')}`
  return { id, text, hash: hashOf(text).toString('hex') }
}

export function tokenId(text: string): string | null {
  return form.exec(text)?.[1] ?? null
}

/** Takes the same time whether or not and wherever the two differ. */
export function matches(text: string, hash: Buffer): boolean {
  return timingSafeEqual(hashOf(text), hash)
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
