/**
 * `npm run openapi` writes docs/openapi.json anew from the routes of the core and of every registry.
 * tests/server-openapi.test.ts fails while the two differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import type { Route } from '../src/kernel/route.ts'
import { registries } from '../src/registries/index.ts'
import type { Parts } from '../src/registries/registry.ts'
import { allRoutes } from '../src/server/application.ts'
import { openapiDocument } from '../src/server/openapi.ts'
import { ServerSettings } from '../src/server/settings.ts'

const root = join(import.meta.dirname, '..')
export const published = join(root, 'docs/openapi.json')

export async function main(): Promise<number> {
  writeFileSync(published, await openapiText())
  return 0
}

export async function openapiText(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return `${JSON.stringify(openapiDocument(await everyRoute(), version), null, 2)}\n`
}

/** Routes are data: nothing of what they would work with is touched, so nothing of it is needed. */
export async function everyRoute(): Promise<readonly Route[]> {
  const untouched = {} as never
  const metrics = createMetrics()
  const shared = { clock: systemClock, logger: silentLogger, metrics, journal: untouched, keyValue: untouched }
  const parts: Parts = {
    ...shared,
    random: () => 0,
    base: root,
    state: root,
    retention: { events: 90 * 86_400_000 },
    engine: () => untouched,
  }
  const built = await Promise.all(registries.map((registry) => registry.build(registry.config.parse({}), parts)))
  const routes = built.flatMap((registry) => registry.routes)
  return allRoutes({
    ...shared,
    routes,
    settings: ServerSettings.parse({}),
    engine: untouched,
    tokens: untouched,
    backup: untouched,
    version: '',
    stopping: new AbortController().signal,
  })
}
