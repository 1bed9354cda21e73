/** What a claim, or a composite resource, says of itself, and how it is named. */
import type { Key } from '../../engine/source.ts'
import { digestOf, type Digest } from '../../kernel/digest.ts'
import type { Instant } from '../../kernel/clock.ts'

/** As registries of claims write it (`status`). */
export type Health = 'active' | 'creating' | 'error' | 'deleting' | 'deleted' | 'unknown'

/** An object in a cluster. `group` '': the core group; `namespace` '': cluster-scoped. */
export interface ObjectName {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

export interface ClaimStatus {
  readonly cluster: string
  /** `namespace/name` from informers; anything at all from others. */
  readonly claimRef: string
  /** null: whoever told it named no object, as informers of the original. */
  readonly object: ObjectName | null
  readonly message: string
  /** null: not told, and not to be guessed from the message. */
  readonly health: Health | null
  /** When the cluster showed it, as far as that was told; else when it was received. */
  readonly observedAt: Instant
}

/** Of what targets write: the time alone is no change. */
export function digestOfStatus({ message, health }: Pick<ClaimStatus, 'message' | 'health'>): Digest {
  return digestOf({ message, health })
}

/**
 * Five parts, or two where the object is not known (`cluster/claimRef`), each percent-encoded: no two names make one
 * key, whatever is in them. Lone surrogates must be gone by now.
 */
export function keyOf({ cluster, claimRef, object }: Pick<ClaimStatus, 'cluster' | 'claimRef' | 'object'>): Key {
  const parts =
    object === null ? [cluster, claimRef] : [cluster, object.group, object.kind, object.namespace, object.name]
  return parts.map(encodeURIComponent).join('/')
}

/** The reverse; null: no key of a claim. */
export function namesOf(key: Key): Pick<ClaimStatus, 'cluster' | 'claimRef' | 'object'> | null {
  const parts = key.split('/').map(decodeURIComponent)
  if (parts.length === 2) return { cluster: parts[0]!, claimRef: parts[1]!, object: null }
  if (parts.length !== 5) return null
  const [cluster, group, kind, namespace, name] = parts as [string, string, string, string, string]
  return { cluster, claimRef: `${namespace}/${name}`, object: { group, kind, namespace, name } }
}
