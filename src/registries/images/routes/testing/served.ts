/** The routes on a real server: a book and a journal in memory, registries and a watch that only pretend. */
import { put } from '../../../../engine/journal.ts'
import { deliveries, entries, holds, type DeliveryRow, type HoldRow } from '../../../../engine/tables.ts'
import { delivery, entry } from '../../../../engine/testing/journal-rows.ts'
import { systemClock } from '../../../../kernel/clock.ts'
import { sha256 } from '../../../../kernel/digest.ts'
import { AppError } from '../../../../kernel/errors.ts'
import type { Json } from '../../../../kernel/json.ts'
import { silentLogger as logger } from '../../../../kernel/logger.ts'
import { memoryJournal, serve } from '../../../../server/testing/serve.ts'
import type { Deployed } from '../../deploy/deploys.ts'
import type { Taken } from '../../hooks/follow.ts'
import type { HookShown } from '../../hooks/hooks.ts'
import { revisionOf, type Release, type Stage } from '../../model.ts'
import type { ImageRegistry } from '../../registry-types/image-registry.ts'
import { createBook } from '../../stages/open.ts'
import type { PollInterval } from '../../stages/poll-interval.ts'
import { faultsOf } from '../../stages/rules.ts'
import { stageFor } from '../../stages/testing/stages.ts'
import { imageTables } from '../../tables.ts'
import type { Watch } from '../../watch/watch.ts'
import type { Progress } from '../parts.ts'
import { imageRoutes, type Asked } from '../routes.ts'

export const digestOf = (text: string) => `sha256:${sha256(text).replace(/^sha256:/, '')}`

export interface Fakes {
  readonly stages?: readonly Stage[]
  /** Tag → what it stands for, of every image of the registry `main`. */
  readonly tags?: Readonly<Record<string, string>>
  readonly settings?: Parameters<typeof serve>[0]
}

export const imagesJournal = () => memoryJournal(systemClock, imageTables as never)

export async function serveImages({ stages = [stageFor()], tags = {}, settings = {} }: Fakes = {}) {
  const clock = settings.clock ?? systemClock
  const journal = settings.journal ?? imagesJournal()
  const registry = fakeRegistry(tags)
  const registries = new Map([['main', registry]])
  const facts = { repeat: 'keyed', abortable: true, bound: 600_000, looks: true } as const
  const deployers = new Map([
    ['docker', { name: 'docker', type: 'docker', ...facts } as const],
    ['one', { name: 'one', type: 'webhook', ...facts } as const],
  ])
  const book = createBook({
    journal,
    clock,
    logger,
    stages,
    where: (path) => `regista.yaml:7:3 (${path.join('.')})`,
    settled: (stage) => stage,
    faultsOf: (stage) =>
      faultsOf(stage, {
        registries: new Map([['main', { type: 'oci', times: false }]]),
        deployers: new Map([...deployers.values()].map(({ name, type }) => [name, type])),
      }),
  })
  await book.start()
  const deployed = new Map<string, Deployed>()
  const progress = new Map<string, Progress>()
  const looks: string[] = []
  const watch = fakeWatch(book, looks)
  const asked: Omit<Asked, 'engine'> = {
    clock,
    logger,
    metrics: {} as never,
    journal,
    book,
    watch,
    deploys: {
      start: () => Promise.resolve(),
      read: (key) => Promise.resolve(deployed.get(key) ?? null),
      of: (key) => deployed.get(key) ?? null,
      close: () => Promise.resolve(),
    },
    registries,
    deployers,
    pollInterval: fakeInterval(),
    progress: (key) => progress.get(key) ?? null,
    ready: () => Promise.resolve(),
    hooks: { describe: () => [hookShown], recent: () => told },
  }
  // The engine is made by the server that is made of the routes.
  const later: { engine?: ReturnType<Asked['engine']> } = {}
  const routes = imageRoutes({ ...asked, engine: () => later.engine! })
  const served = await serve({ ...settings, journal, routes })
  later.engine = served.engine
  const tell = (facts: Parameters<typeof journal.commit>[0]) => journal.commit(facts)
  return {
    ...served,
    ...asked,
    book,
    looks,
    deployed,
    progress,
    async ask(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
      const reply = await served.send(method, `/api/v1/images${path}`, body, headers)
      const text = await reply.text()
      return { status: reply.status, headers: reply.headers, body: (text === '' ? null : JSON.parse(text)) as never }
    },
    /** A version as the watch tells the engine of it. */
    async seen(stage: Stage, tag: string, generation = 0): Promise<Release> {
      const digest = digestOf(tag)
      const { project, stage: name, registry: of, key, deployer } = stage
      const repository = `main.example.io/${stage.image}`
      const revision = revisionOf(digest, generation)
      const item = { tag, digest, at: null, project, stage: name, registry: of, repository, revision }
      const row = entry(deployer, key, { digest: revision, label: tag, item: item as unknown as Json })
      await tell([put(entries, row, { type: 'entry.appeared', sync: deployer, key, data: { label: tag } })])
      return item
    },
    async delivered({ key, deployer }: Stage, more: Partial<DeliveryRow>): Promise<void> {
      const row = delivery(deployer, deployer, key, { ...more })
      const type = `delivery.${row.state}`
      await tell([put(deliveries, row, { type, sync: deployer, target: deployer, key, data: { label: row.label } })])
      const { state, digest: revision, digestLabel: tag, receipt } = row
      deployed.set(key, { state, revision, tag, receipt: receipt as unknown as Deployed['receipt'] })
    },
    async held({ key, deployer }: Stage, reason: string, more: Partial<HoldRow> = {}): Promise<void> {
      const id = `hold-${reason}`
      const about = {
        id,
        sync: deployer,
        target: deployer,
        key,
        gate: reason,
        reason,
        subject: 's',
        op: 'put',
      } as const
      const row: HoldRow = { ...about, label: null, state: 'held', until: null, by: null, ...more }
      await tell([put(holds, row, { type: 'hold.raised', sync: deployer, key, reason })])
      served.engine.held.add(id)
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      await book.close()
    },
  }
}

const told: readonly Taken[] = [
  { hook: 'forge', at: 2_000, registry: 'main', image: 'team/nobody', tag: 'v1', matched: 0 },
  { hook: 'forge', at: 1_000, registry: 'main', image: 'team/shop', tag: 'v2', matched: 1 },
].map((event, n) => ({ id: String(n), ...event }) as unknown as Taken)

const hookShown: HookShown = {
  name: 'forge',
  type: 'gitea',
  registry: 'main',
  proof: 'hmac',
  path: '/webhooks/forge',
  lastAt: 2_000,
  last: told[0]!,
  lastError: null,
  counts: { 'accepted': 1, 'repeated': 0, 'unmatched': 1, 'ignored': 0, 'refused': 0, 'invalid': 0, 'too-many': 0 },
}

export type ServedImages = Awaited<ReturnType<typeof serveImages>>

function fakeWatch(book: Asked['book'], looks: string[]): Watch {
  return {
    sourceOf: () => ({}) as never,
    hint: () => [],
    runs: () => true,
    async look({ registry, image }) {
      looks.push(`${registry} ${image}`)
      for (const stage of book.stages()) {
        if (stage.registry !== registry || stage.image !== image) continue
        await book.observed(stage.key, { result: 'no_match', detail: 'none of 3 tags matches v*', version: null })
      }
    },
    places: () =>
      [...Map.groupBy(book.stages(), ({ registry, image }) => `${registry} ${image}`)].map(([place, of]) => {
        const [registry = '', image = ''] = place.split(' ')
        const about = { lookedAt: 1_000, nextAt: 61_000, slowedDown: false, looking: false, failures: 0, requests: 1 }
        return { registry, image, stages: of.map(({ key }) => key), ...about }
      }),
    reschedule() {},
    close: () => Promise.resolve(),
  }
}

function fakeRegistry(tags: Readonly<Record<string, string>>): ImageRegistry {
  const abilities = { times: false, digests: false, foldsCase: false, paging: 'link', remaining: null } as const
  return {
    name: 'main',
    type: 'oci',
    abilities,
    host: 'main.example.io',
    reference: (image) => `main.example.io/${image}`,
    listTags(image) {
      if (image === 'team/none') return Promise.resolve(null)
      if (image === 'team/down') {
        const down = new AppError('source.unavailable', 'main.example.io does not answer', {
          data: { why: 'unreachable' },
        })
        return Promise.reject(down)
      }
      return Promise.resolve({ tags: Object.keys(tags).map((name) => ({ name })), checksum: 'c' })
    },
    getLatestTag(_image, { strategy }) {
      const first = strategy === 'created' ? Object.keys(tags)[0] : undefined
      return Promise.resolve(first === undefined ? null : { tag: first, digest: digestOf(first), at: 1 })
    },
    digestOf: (_image, tag) => Promise.resolve(tags[tag] === undefined ? null : digestOf(tags[tag])),
    platformDigest: () => Promise.resolve(null),
    createdAt: () => Promise.resolve(null),
    pullCredential: () => Promise.resolve({ username: 'u', password: 'hidden-password' }),
    close: () => Promise.resolve(),
  }
}

function fakeInterval(): PollInterval {
  let now = 300_000
  return {
    get: () => now,
    configured: 300_000,
    set(interval) {
      if (interval !== null && interval < 10_000) throw new AppError('request.invalid', 'is too short')
      now = interval ?? 300_000
      return Promise.resolve()
    },
    subscribe: () => () => {},
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
