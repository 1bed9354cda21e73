import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from './json.ts'

/** Lower-case hex SHA-256. */
export type Digest = string

export function sha256(data: string | Uint8Array): Digest {
  return createHash('sha256').update(data).digest('hex')
}

/** Digest of a JSON value that does not depend on the order of object keys. */
export function digestOf(value: Json): Digest {
  return sha256(canonicalJson(value))
}
