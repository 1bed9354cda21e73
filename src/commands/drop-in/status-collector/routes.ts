/** What the port answers beyond the original: probes, metrics, and what the registry's own routes say. */
import { AppError } from '../../../kernel/errors.ts'
import type { Caller, Route } from '../../../kernel/route.ts'
import type { Admit, Guarded } from '../../../server/access/guard.ts'
import type { Arrival } from '../../../server/arrival.ts'
import { healthRoutes, type HealthParts } from '../../../server/health.ts'
import { anybody, type Speaker } from './access.ts'

/** Probes and scrapers come without a token. */
export function probeRoutes(parts: HealthParts): readonly Route[] {
  return healthRoutes(parts)
    .filter(({ path }) => path !== '/healthz')
    .map((one) => ({ ...one, role: 'public' }))
}

/**
 * Who has a token for one cluster may say what is its, and nothing else. `admitted`: what was found of a request
 * before it came here; throws where that is nobody. null: everybody may do everything.
 */
export function guardOf(admitted: ((request: Arrival) => Speaker) | null): (route: Guarded) => Admit {
  return (route) => (request, params) => {
    const open = admitted === null || route.role === 'public'
    const caller = callerOf(open ? anybody : admitted(request))
    if (caller.subject !== null && !isWithin(route, caller.subject, params)) {
      throw new AppError('request.forbidden', 'the token is for another cluster')
    }
    return { caller, valid: () => true }
  }
}

function callerOf({ name, cluster }: Speaker): Caller {
  return { name, role: cluster === null ? 'admin' : 'operator', scopes: null, subject: cluster }
}

function isWithin({ within }: Guarded, subject: string, params: Readonly<Record<string, string>>): boolean {
  if (within === 'own') return true
  return typeof within === 'object' && 'subject' in within && params[within.subject] === subject
}

/** Whether one of them has this path, whatever the method. */
export function pathsOf(routes: readonly Route[]): (path: string) => boolean {
  const patterns = routes.map(({ path }) => {
    const source = path
      .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll(/:\w+/g, '[^/]+')
      .replace(/\*$/, '.+')
    return new RegExp(`^${source}$`)
  })
  return (path) => patterns.some((pattern) => pattern.test(path))
}
