/** The core's own API. Nothing of `parts` is touched before a request comes. */
import type { Logger } from '../../kernel/logger.ts'
import type { Route } from '../../kernel/route.ts'
import { eventStreamRoutes } from './event-stream.ts'
import { eventRoutes } from './events.ts'
import { explainRoutes } from './explain.ts'
import { holdRoutes } from './holds.ts'
import { journalRoutes } from './journal.ts'
import { keyValueRoutes } from './key-value.ts'
import { listRoutes } from './lists.ts'
import type { ApiParts } from './parts.ts'
import { syncActionRoutes } from './sync-actions.ts'
import { syncRoutes } from './syncs.ts'
import { tokenRoutes } from './tokens.ts'

export type { ApiParts } from './parts.ts'

export function apiRoutes(parts: ApiParts, logger: Logger): readonly Route[] {
  return [
    ...syncRoutes(parts),
    ...syncActionRoutes(parts, logger),
    ...listRoutes(parts),
    ...holdRoutes(parts),
    ...eventRoutes(parts),
    ...eventStreamRoutes(parts),
    ...explainRoutes(parts),
    ...keyValueRoutes(parts),
    ...tokenRoutes(parts),
    ...journalRoutes(parts),
  ]
}
