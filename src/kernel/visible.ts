/** What of the syncs a caller with limits may see. */
import { AppError } from './errors.ts'
import type { Caller } from './route.ts'

export function maySeeSync(scopes: Caller['scopes'], sync: string): boolean {
  return scopes === null || (scopes.syncs?.includes(sync) ?? false)
}

/** The filter on `sync` of a list: what was asked for, as far as the caller may see it. */
export function visibleSyncs(caller: Caller, asked: string | undefined): { sync?: string | { in: readonly string[] } } {
  if (asked !== undefined && !maySeeSync(caller.scopes, asked)) {
    throw new AppError('request.forbidden', 'The token is limited to other syncs.')
  }
  if (asked !== undefined) return { sync: asked }
  return caller.scopes === null ? {} : { sync: { in: caller.scopes.syncs ?? [] } }
}
