import { createHash } from 'node:crypto'
import type { AppError } from '../../kernel/errors.ts'
import { unavailable } from './failure.ts'
import { isDigest } from './names.ts'
import type { Descriptor } from './store.ts'

/** `sha256:<hex>`; `like` names the algorithm by a digest that the result is compared with. */
export function digestOfBytes(bytes: Uint8Array, like = 'sha256:'): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256'
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export interface Verifier {
  /** Bytes seen. */
  readonly at: number
  /** Throws once there are more bytes than there may be. */
  add(chunk: Uint8Array): void
  /** Throws if what was seen is not what the descriptor says. */
  end(): void
}

/** `where` names the store and repository in errors. */
export function createVerifier({ digest, size }: Pick<Descriptor, 'digest' | 'size'>, where: string): Verifier {
  if (!isDigest(digest)) throw unavailable('malformed', where, 'a digest is neither sha256 nor sha512')
  const hash = createHash(digest.startsWith('sha512:') ? 'sha512' : 'sha256')
  let at = 0
  const mismatch = (what: string): AppError =>
    unavailable('digest-mismatch', where, `blob ${digest} ${what}; it was damaged on the way or in the store`)
  return {
    get at() {
      return at
    },
    add(chunk) {
      at += chunk.length
      if (at > size) throw mismatch(`is longer than the ${size} bytes that its manifest says`)
      hash.update(chunk)
    },
    end() {
      if (at !== size) throw mismatch(`has ${at} bytes, and ${size} by its manifest`)
      if (hash.digest('hex') !== digest.slice(digest.indexOf(':') + 1)) throw mismatch('has another digest')
    },
  }
}

/** Passes chunks on and throws at the end, or before, when they are not what the descriptor says. */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  where: string,
): AsyncIterable<Uint8Array> {
  const verifier = createVerifier(descriptor, where)
  for await (const chunk of chunks) {
    verifier.add(chunk)
    yield chunk
  }
  verifier.end()
}
