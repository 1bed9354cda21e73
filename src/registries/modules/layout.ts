/**
 * Where a registry keeps modules. For a base `host/path`:
 *
 *   tags of path                      the modules
 *   tags of path/MODULE/release       its release channels, among other tags
 *   path/MODULE/release:CHANNEL       release image: version.json, module.yaml
 *   path/MODULE:VERSION               module image: docs/, openapi/, crds/
 */
import type { Key } from '../../engine/source.ts'
import { scopeOf, segmentsOf, type Scope } from '../../engine/scope.ts'

/** In the order in which a release becomes more settled. */
export const usualChannels = ['alpha', 'beta', 'early-access', 'stable', 'rock-solid'] as const

export const releaseRepository = (path: string, module: string): string => `${moduleRepository(path, module)}/release`
export const moduleRepository = (path: string, module: string): string => (path === '' ? module : `${path}/${module}`)

export const keyOf = (module: string, channel: string): Key => `${module}/${channel}`

/** A registry, or one module of it. */
export const registryScope = (base: string): Scope => scopeOf(base)
export const moduleScope = (base: string, module: string): Scope => scopeOf(base, module)

/** null: the scope is none of this registry's. */
export function placeOf(scope: Scope): { readonly base: string; readonly module: string | null } | null {
  const [base, module, ...more] = segmentsOf(scope)
  return base === undefined || more.length > 0 ? null : { base, module: module ?? null }
}
