/**
 * What a registry tells of a push, as hints where to look. Only pushes and deletions count: a scan makes
 * pull events, and would follow itself for ever.
 */
import { z } from 'zod'
import { isBuilderName } from '../../connectors/docs-builder/names.ts'
import type { Hint } from '../../engine/source.ts'
import { moduleScope, registryScope } from './layout.ts'

/** The envelope of Distribution's notifications, as far as it is needed. */
export const Notification = z.object({
  events: z
    .array(
      z.object({
        action: z.string(),
        target: z.object({ repository: z.string().optional() }).optional(),
      }),
    )
    .max(10_000),
})
export type Notification = z.infer<typeof Notification>

interface Place {
  readonly base: string
  readonly path: string
}

const counts: ReadonlySet<string> = new Set(['push', 'mount', 'delete'])

export function hintsOf({ events }: Notification, places: readonly Place[]): Hint[] {
  const scopes = new Set<string>()
  for (const { action, target } of events) {
    const repository = target?.repository
    if (!counts.has(action) || repository === undefined) continue
    for (const { base, path } of places) {
      if (repository === path) scopes.add(registryScope(base))
      const below =
        path === '' ? repository : repository.startsWith(`${path}/`) ? repository.slice(path.length + 1) : ''
      const [module, kind, ...more] = below.split('/')
      // A module image alone is no release; and other repositories may be nested there.
      if (kind === 'release' && more.length === 0 && isBuilderName(module!)) scopes.add(moduleScope(base, module!))
    }
  }
  return [...scopes].map((scope) => ({ scope }))
}
