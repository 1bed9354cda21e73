/** The whole section with an engine: registries and a site in memory, time and crashes as a test says. */
import { createDraft } from '../../../database/draft.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createEngine } from '../../../engine/create-engine.ts'
import type { Engine } from '../../../engine/engine.ts'
import type { Journal, Stored } from '../../../engine/journal.ts'
import { deliveries, engineTables, holds, type DeliveryRow } from '../../../engine/tables.ts'
import { createFakeClock, type FakeClock } from '../../../engine/testing/fake-clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { Route, RouteRequest } from '../../../kernel/route.ts'
import type { Table } from '../../../kernel/table.ts'
import type { Built } from '../../registry.ts'
import { buildImages } from '../build.ts'
import { ImagesConfig } from '../config.ts'
import type { FakeSite } from '../deploy/testing/fake-site.ts'
import { fromGitea, secret } from '../hooks/testing/deliveries.ts'
import { imageTables } from '../tables.ts'
import { createFakeRegistry, type FakeRegistry } from '../watch/testing/fake-registry.ts'

export const key = 'shop/production'

/** What several processes share. */
export interface World {
  readonly clock: FakeClock
  readonly journal: Journal
  readonly registry: FakeRegistry
  readonly site: FakeSite
  /** Of the section, beside registries and deployers. */
  config: { readonly stages?: Readonly<Record<string, object>>; readonly poll_interval?: string }
}

export interface Section extends World {
  readonly engine: Engine
  readonly built: Built
  /** A webhook of Gitea; again with the same id is a repetition. */
  hook(image: string, tag: string, id: string): Promise<number>
  /** A request to the API: `POST`, `pause`. */
  act(verb: string, body?: object, of?: string, by?: string): Promise<unknown>
  row(of?: string): Promise<Stored<DeliveryRow> | null>
  held(): Promise<string[]>
  /** Stops in order: nothing of it is left. */
  stop(): Promise<void>
  /** As by kill -9: nothing of it goes on. */
  kill(): void
}

const tables = [...engineTables, ...imageTables] as unknown as readonly Table[]
const stageShort = { registry: 'main', image: 'team/shop', deployer: 'docker', pattern: 'v*' }

export function createWorld(site: FakeSite, config: World['config'] = {}): World {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables })
  return { clock, journal, registry: createFakeRegistry('main'), site, config }
}

export async function openSection(world: World, holder = 'one'): Promise<Section> {
  const { clock, journal, registry, site } = world
  const own = clock.fork()
  const metrics = createMetrics()
  const shared = { clock: own, random: () => 0.5, logger: silentLogger, metrics, journal }
  const { stages = { production: {} }, ...more } = world.config
  const config = ImagesConfig.parse({
    registries: { main: { type: 'oci', host: 'main.example.io' } },
    deployers: { docker: { docker: {}, at_once: 4 } },
    hooks: { forge: { type: 'gitea', registry: 'main', secrets: [secret] } },
    projects: {
      shop: {
        stages: Object.fromEntries(Object.entries(stages).map(([name, given]) => [name, { ...stageShort, ...given }])),
      },
    },
    ...more,
  })
  const later: { engine?: Engine } = {}
  const parts = {
    ...shared,
    keyValue: null as never,
    base: '/',
    state: '/',
    retention: { events: 90 * 86_400_000 },
    engine: () => later.engine!,
  }
  const built = await clock.drive(
    buildImages(config, parts, { registry: () => registry, deployer: () => Promise.resolve(site.deployer()) }),
  )
  const draft = (base: Journal) => createDraft(base, own, tables)
  const engine = createEngine({ ...shared, specs: built.syncs, draft, holder })
  later.engine = engine
  await clock.drive(built.start!())
  engine.start()

  function routeOf(path: string): Route {
    return built.routes.find((one) => one.method === 'POST' && one.path.endsWith(path))!
  }

  return {
    ...world,
    engine,
    built,
    async hook(image, tag, id) {
      const [owner, name] = image.split('/') as [string, string]
      const sent = fromGitea({ owner, name, version: tag, id })
      const request = { params: { hook: 'forge' }, headers: sent.headers, bytes: sent.body }
      return (await clock.drive(routeOf('/webhooks/:hook').handle(request as never))).status!
    },
    async act(verb, body = {}, of = key, by = 'ann') {
      const [project, stage] = of.split('/')
      const caller = { name: `token:${by}`, role: 'operator', scopes: null, subject: null } as const
      const request = {
        params: { project, stage },
        query: {},
        body,
        caller,
        headers: {},
        signal: new AbortController().signal,
      }
      return (await clock.drive(routeOf(`/${verb}`).handle(request as unknown as RouteRequest<never, never, never>)))
        .body
    },
    row: (of = key) => journal.get(deliveries, { sync: 'docker', target: 'docker', key: of }),
    async held() {
      const rows = await journal.select(holds, { where: { sync: 'docker', state: 'held' } })
      return rows.map(({ key: of, reason }) => `${of} ${reason}`)
    },
    async stop() {
      await clock.drive(engine.stop())
      await clock.drive(built.close!())
    },
    kill: () => own.stop(),
  }
}
