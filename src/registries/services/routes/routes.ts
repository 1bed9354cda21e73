/** The API of the registry, but for heartbeats and jobs. */
import type { Route } from '../../../kernel/route.ts'
import { auditRoutes } from './audit.ts'
import { eventRoutes } from './events.ts'
import { explainRoute } from './explain.ts'
import { listRoutes } from './list.ts'
import { editRoute, showRoute } from './one.ts'
import type { RouteParts } from './parts.ts'
import { preservationRoutes } from './preservation.ts'
import { purgeRoute } from './purge.ts'
import { quarantineRoutes } from './quarantine.ts'
import { registerRoute } from './register.ts'
import { statusRoutes } from './status.ts'
import { treeRoute } from './tree.ts'

export type { RouteParts } from './parts.ts'

export function serviceRoutes(parts: RouteParts): readonly Route[] {
  return [
    ...listRoutes(parts),
    showRoute(parts),
    explainRoute(parts),
    registerRoute(parts),
    editRoute(parts),
    ...statusRoutes(parts),
    purgeRoute(parts),
    treeRoute(parts),
    ...eventRoutes(parts),
    ...auditRoutes(parts),
    ...quarantineRoutes(parts),
    ...preservationRoutes(parts),
  ]
}
