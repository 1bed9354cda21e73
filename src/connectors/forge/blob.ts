import { createHash } from 'node:crypto'

/** The name that Git gives to these bytes, in repositories with SHA-1. */
export function blobId(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
