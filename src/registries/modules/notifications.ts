/**
 * What a registry tells of a push, as hints where to look. Only pushes and deletions count: a scan makes
 * pull events, and would follow itself for ever.
 */
import { z } from 'zod'
import { isBuilderName } from '../../connectors/docs-builder/names.ts'
import type { Hint } from '../../engine/source.ts'
import { moduleScope, registryScope } from './layout.ts'

/** The envelope of Distribution's notifications, as far as it is needed. */
const Envelope = z.looseObject({
  events: z
    .array(
      z.looseObject({ action: z.string(), target: z.looseObject({ repository: z.string().optional() }).optional() }),
    )
    .max(10_000),
})

/** Harbor's webhook in its default format: PUSH_ARTIFACT, DELETE_ARTIFACT; pushImage and deleteImage of its v1. */
const Harbor = z.looseObject({
  type: z.string(),
  event_data: z.looseObject({ repository: z.looseObject({ repo_full_name: z.string() }) }),
})

export const Notification = z.union([Envelope, Harbor])
export type Notification = z.infer<typeof Notification>

interface Place {
  readonly base: string
  readonly path: string
}

const counts = /^(?:push|mount|delete)/i

export function hintsOf(notification: Notification, places: readonly Place[]): Hint[] {
  const scopes = new Set<string>()
  for (const repository of changedOf(notification)) {
    for (const { base, path } of places) {
      if (repository === path) scopes.add(registryScope(base))
      const below = repository.startsWith(`${path}/`) ? repository.slice(path.length + 1) : ''
      const [module, kind, ...more] = below.split('/')
      // A module image alone is no release; and other repositories may be nested there.
      if (kind === 'release' && more.length === 0 && isBuilderName(module!)) scopes.add(moduleScope(base, module!))
    }
  }
  return [...scopes].map((scope) => ({ scope }))
}

function changedOf(notification: Notification): string[] {
  const harbor = Harbor.safeParse(notification).data
  if (harbor) return counts.test(harbor.type) ? [harbor.event_data.repository.repo_full_name] : []
  return Envelope.parse(notification).events.flatMap(({ action, target }) =>
    counts.test(action) && target?.repository !== undefined ? [target.repository] : [],
  )
}
