/** What an entry tells of the object it is about, beyond names. */
import type { ClaimStatus, ObjectName } from '../model.ts'
import type { RegistryClaim } from './claim.ts'

type ByPath = ReadonlyMap<string, readonly ObjectName[]> | undefined

/** 3: its manifest is the object. 2: its claimRef names the kind. 1: its template does. 0: nothing. */
export function evidence(claim: RegistryClaim, { object }: ClaimStatus, byPath: ByPath): number {
  if (object === null) return 0
  const manifest = manifestOf(claim, byPath)
  if (manifest.some((it) => idsOf(it, claim).includes(objectId(object)))) return 3
  const kind = kindOf(claim.claimRef)
  if (kind !== null && kind.group === object.group && kind.kind === object.kind) return 2
  const named = resourceAndName(claim.claimRef)
  if (named !== null && named.name === object.name && isPlural(named.resource, object.kind)) return 2
  return claim.template !== null && claim.template.toLowerCase() === object.kind.toLowerCase() ? 1 : 0
}

/**
 * It says that it is about another object, whatever its name. A template says nothing: it may be called anything; and a
 * manifest of another group may be what deploys the claim.
 */
export function contradicts(claim: RegistryClaim, { object }: ClaimStatus, byPath: ByPath): boolean {
  if (object === null) return false
  const kind = kindOf(claim.claimRef)
  if (kind !== null && (kind.group !== object.group || kind.kind !== object.kind)) return true
  const same = manifestOf(claim, byPath).filter((it) => it.group === object.group)
  return same.length > 0 && !same.some((it) => idsOf(it, claim).includes(objectId(object)))
}

const manifestOf = ({ path }: RegistryClaim, byPath: ByPath) => (path === null ? [] : (byPath?.get(path) ?? []))

export function objectId({ group, kind, namespace, name }: ObjectName): string {
  return JSON.stringify([group, kind, namespace, name])
}

/** A manifest without a namespace is of the entry's, or of none where its kind has none. */
export function idsOf(manifest: ObjectName, { namespace }: RegistryClaim): string[] {
  if (manifest.namespace !== '' || namespace === '') return [objectId(manifest)]
  return [objectId(manifest), objectId({ ...manifest, namespace })]
}

/** `group/version/Kind`, or `v1/Kind` of the core group. */
export function kindOf(claimRef: string | null): { readonly group: string; readonly kind: string } | null {
  const found = /^(?:([^/]+)\/)?v\d+(?:(?:alpha|beta)\d+)?\/([A-Z]\w*)$/.exec(claimRef ?? '')
  return found ? { group: found[1] ?? '', kind: found[2]! } : null
}

/** `resource.version/name` or `resource/name`. */
export function resourceAndName(claimRef: string | null): { readonly resource: string; readonly name: string } | null {
  const found = /^([a-z0-9-]+)(?:\.[^/]*)?\/([^/]+)$/.exec(claimRef ?? '')
  return found ? { resource: found[1]!, name: found[2]! } : null
}

function isPlural(resource: string, kind: string): boolean {
  const one = kind.toLowerCase()
  return [one, `${one}s`, `${one}es`, one.replace(/y$/, 'ies')].includes(resource)
}
