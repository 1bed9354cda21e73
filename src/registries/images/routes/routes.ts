/** The API of the registry, but for webhooks. */
import type { Route } from '../../../kernel/route.ts'
import { actionRoutes } from './actions.ts'
import type { Asked } from './asked.ts'
import { historyRoute } from './history.ts'
import { hooksRoute } from './hooks.ts'
import { listRoutes } from './list.ts'
import { oneRoutes } from './one.ts'
import { placeRoutes } from './places.ts'
import { settingsRoutes } from './settings.ts'
import { tagRoutes } from './tags.ts'

export type { Asked } from './asked.ts'

export function imageRoutes(parts: Asked): readonly Route[] {
  return [
    ...listRoutes(parts),
    ...oneRoutes(parts),
    ...actionRoutes(parts),
    historyRoute(parts),
    ...placeRoutes(parts),
    hooksRoute(parts),
    ...settingsRoutes(parts),
    ...tagRoutes(parts),
  ]
}
