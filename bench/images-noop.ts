/** What it costs to find that nothing was pushed: 1,000 stages of 200 repositories of a real registry. */
import { createMemoryJournal } from '../src/database/memory/journal.ts'
import { engineTables } from '../src/engine/tables.ts'
import { systemClock, type Clock, type Ms } from '../src/kernel/clock.ts'
import { silentLogger as logger } from '../src/kernel/logger.ts'
import type { Stage, Strategy } from '../src/registries/images/model.ts'
import { imageRegistry } from '../src/registries/images/registry-types/config.ts'
import { openImageRegistry } from '../src/registries/images/registry-types/index.ts'
import { createBook } from '../src/registries/images/stages/open.ts'
import { stageFor } from '../src/registries/images/stages/testing/stages.ts'
import { imageTables } from '../src/registries/images/tables.ts'
import { createWatch } from '../src/registries/images/watch/create-watch.ts'
import { startDockerRegistry, type DockerRegistry } from '../tests/parts/docker-registry.ts'
import { ociRegistry } from '../tests/parts/images-ground.ts'
import { imageOf, layerOf } from '../tests/parts/images.ts'
import { bareRegistry, type Read } from './parts/bare-registry.ts'
import { percentile } from './parts/drop-in.ts'
import type { Benches, Report } from './report.ts'

/** Requests in flight, by both. */
const atOnce = 16
const watchesEach = 5
const pollInterval: Ms = 300_000

type Follows = (n: number) => { readonly pattern: string; readonly strategy: Strategy }

const byDigest: Follows = (n) => ({ pattern: `v1.${n}.0`, strategy: 'digest' })
const byList: Follows = (n) => ({ pattern: `v1.${n}.*`, strategy: 'semver' })

export const benches: Benches = {
  'images.noop-1000': (report, { long }) => measure(report, long, byDigest, 'digest'),
  'images.noop-1000-list': (report, { long }) => measure(report, long, byList, 'list'),
}

async function measure(report: Report, long: boolean, follows: Follows, kind: 'digest' | 'list'): Promise<void> {
  const repositories = long ? 200 : 40
  await using registry = await startDockerRegistry({ tls: true, auth: 'token', unlogged: true })
  const reads = await publish(registry, repositories, kind)
  await using watched = await watch(registry, repositories, follows)
  const bare = bareRegistry(registry.url, registry.ca!, (name) => `Bearer ${registry.tokens!.mint(name, ['pull'])}`)
  await bare.run(reads.slice(0, 50), atOnce)
  const [ours, theirs, cpu, requests]: [number[], number[], number[], number[]] = [[], [], [], []]
  const rounds = long ? 9 : 5
  for (let round = 0; round < rounds; round += 1) {
    theirs.push(((await bare.run(reads, atOnce)) * 1000) / reads.length)
    const before = watched.requests()
    const start = process.cpuUsage()
    const took = await watched.poll()
    const { user, system } = process.cpuUsage(start)
    const sent = watched.requests() - before
    ours.push(took / sent)
    cpu.push((user + system) / 1000 / sent)
    requests.push(sent)
  }
  await bare.close()
  const watches = repositories * watchesEach
  const note = `${watches} watches of ${repositories} repositories by ${kind}, ${atOnce} in flight, TLS and tokens, median of ${rounds}; baseline: the same requests of undici, tokens at hand`
  report({
    value: 1000 / percentile(ours, 0.5),
    unit: 'requests/s',
    baseline: 1000 / percentile(theirs, 0.5),
    limit: { of: 'ratio', atLeast: 0.7 },
    note,
  })
  const used = percentile(cpu, 0.5)
  const asked = percentile(requests, 0.5)
  const checks = 'of the whole process; a check is a look for the newest version of one stage'
  report({ figure: 'cpu-per-check', value: (used * asked) / watches, unit: 'ms', limit: { atMost: 0.3 }, note: checks })
  report({ figure: 'cpu-per-request', value: used, unit: 'ms' })
  report({
    figure: 'requests',
    value: asked / (kind === 'digest' ? watches : repositories),
    unit: kind === 'digest' ? 'a watch' : 'a repository',
    limit: { atMost: 1 },
  })
}

const nameOf = (repository: number) => `team-${repository % 10}/app-${repository}`

async function publish(registry: DockerRegistry, repositories: number, kind: 'digest' | 'list'): Promise<Read[]> {
  const layer = await layerOf([{ name: 'version', content: 'any' }])
  const reads: Read[] = []
  for (let n = 0; n < repositories; n += 1) {
    const repository = nameOf(n)
    for (let at = 0; at < watchesEach; at += 1) {
      const reference = `v1.${at}.0`
      const image = imageOf([layer], { comment: `${n} ${at}` })
      await registry.disk.put(repository, reference, image)
      if (kind === 'digest') reads.push({ repository, reference, digest: image.digest })
    }
    if (kind === 'list') reads.push({ repository })
  }
  return reads
}

interface Watched extends AsyncDisposable {
  /** Everything is due at once, and looked at; milliseconds until the last was. */
  poll(): Promise<Ms>
  requests(): number
}

async function watch(registry: DockerRegistry, repositories: number, follows: Follows): Promise<Watched> {
  const clock = jumpingClock()
  const stages = Array.from({ length: repositories * watchesEach }, (_, at) =>
    stageFor(`bench/s${at}`, {
      registry: 'forge',
      image: nameOf(Math.floor(at / watchesEach)),
      ...follows(at % watchesEach),
    }),
  )
  let requests = 0
  const parts = { clock, random: Math.random, logger, base: '/', version: '0', env: {} }
  const settings = imageRegistry.parse({ ...ociRegistry(registry), concurrency: atOnce })
  const forge = openImageRegistry('forge', settings, { ...parts, observe: () => void (requests += 1) })
  const journal = createMemoryJournal({ tables: [...engineTables, ...imageTables], clock })
  const settled = (stage: Stage) => stage
  const book = createBook({ journal, clock, logger, stages, where: () => '', settled, faultsOf: () => [] })
  await book.start()
  let looked: (() => void) | null = null
  let left = 0
  const watching = createWatch({
    book,
    ready: () => Promise.resolve(),
    registries: new Map([['forge', forge]]),
    journal,
    clock,
    random: Math.random,
    logger,
    settings: { pollInterval: () => pollInterval },
    deployed: () => null,
    measures: {
      checked() {},
      looked() {
        left -= 1
        if (left === 0) looked?.()
      },
    },
  })
  const stop = new AbortController()
  const hints = (async () => {
    for await (const _ of watching.sourceOf('docker').hints!(stop.signal)) void _
  })()
  const round = async () => {
    left = repositories
    const done = new Promise<void>((resolve) => (looked = resolve))
    const began = performance.now()
    clock.jump(1.2 * pollInterval)
    await done
    return performance.now() - began
  }
  const planned = () => watching.places().filter(({ nextAt }) => nextAt !== null).length === repositories
  while (!planned()) await systemClock.sleep(5)
  // What is first seen is asked for twice.
  await round()
  await round()
  return {
    poll: round,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      stop.abort(null)
      await hints
      await watching.close()
      await Promise.all([book.close(), forge.close()])
    },
  }
}

/** The time of day goes forward at once, and who sleeps until then wakes. */
function jumpingClock(): Clock & { jump(by: Ms): void } {
  let ahead: Ms = 0
  let jumped = new AbortController()
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    sleep: (ms, signal) =>
      systemClock.sleep(ms, signal === undefined ? jumped.signal : AbortSignal.any([signal, jumped.signal])),
    jump(by) {
      ahead += by
      const before = jumped
      jumped = new AbortController()
      before.abort(null)
    },
  }
}
