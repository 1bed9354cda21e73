/**
 * `regista serve` is killed again and again while it scans a registry and delivers to documentation builders, and
 * releases come, move, go and are made anew in between. In the end every builder shows exactly what is released.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startFakeBuilder, type FakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import type { Random } from '../../src/kernel/retry.ts'
import { startDockerRegistry } from './docker-registry.ts'
import {
  modulesGround,
  realRegistry,
  sync,
  untilExact,
  type ModulesGround,
  type ModulesServed,
} from './modules-ground.ts'
import { createReleases, differences, type Releases } from './modules-releases.ts'

export interface KillOptions {
  readonly rounds: number
  readonly random: Random
}

export interface KillReport {
  readonly kills: number
  /** Kills that cut off an upload, removal or build, or came between them and the build that is owed. */
  readonly amidDelivery: number
  /** Others that came before every builder had what was released by then. */
  readonly amidScan: number
  /** How often all builders were compared with the registry. */
  readonly compared: number
  readonly faults: readonly string[]
}

const base = 'kill/modules'
const channels = ['alpha', 'beta', 'stable'] as const
const modules = 24
/** From the start of the process to about the end of its first pass. */
const whole = 1500
/** Rounds between two comparisons. */
const often = 10

export async function killModules({ rounds, random }: KillOptions): Promise<KillReport> {
  await using registry = await startDockerRegistry({ tls: true, auth: 'token' })
  // One cannot tell what it holds.
  await using first = await startFakeBuilder()
  await using second = await startFakeBuilder({ documents: 'missing' })
  await using third = await startFakeBuilder()
  const builders = [first, second, third]
  const targets = Object.fromEntries(builders.map(({ address }, n) => [`builder-${n}`, { address }]))
  using ground = modulesGround({ registries: [realRegistry(registry, base)], targets })
  const { disk: shelf, untag } = registry
  const releases = createReleases({ base, shelf, untag, weight: 64 * 1024 })
  for (let n = 0; n < modules; n += 1) for (const channel of channels) await releases.put(`m${n}`, channel, 'v1.0.0')

  const report = { kills: 0, amidDelivery: 0, amidScan: 0, compared: 0 }
  const faults: string[] = []
  while (report.kills < rounds) {
    if (report.kills > 0) await change(releases, report.kills, random)
    const moment = await killOnce(ground, builders, random, () => change(releases, report.kills, random))
    report.kills += 1
    const truth = await releases.truth()
    if (moment === 'delivery') report.amidDelivery += 1
    else if (builders.some((builder) => differences(builder.shown(), truth).length > 0)) report.amidScan += 1
    if (report.kills % often !== 0 && report.kills < rounds) continue
    faults.push(...(await compare(ground, builders, releases)).map((what) => `after ${report.kills} kills: ${what}`))
    report.compared += 1
  }
  return { ...report, faults }
}

/** From one start to the kill. Sometimes more changes while it runs, and builds that take their time. */
async function killOnce(
  ground: ModulesGround,
  builders: readonly FakeBuilder[],
  random: Random,
  changeMore: () => Promise<void>,
): Promise<'delivery' | 'other'> {
  const before = builders.map(({ requests }) => requests.length)
  const slow = builders.filter(() => random() < 0.3).map((builder) => builder.holdBuilds())
  const served = await ground.serve()
  try {
    if (random() < 0.3) await changeMore()
    // Half of them from the first write on, the others at any time.
    if (random() < 0.5) await wrote(builders, before)
    await sleep(random() * (random() < 0.5 ? whole : whole / 10))
  } finally {
    await served.kill()
    for (const release of slow) release()
  }
  return builders.some((builder, n) => isAmid(builder, before[n]!)) ? 'delivery' : 'other'
}

async function wrote(builders: readonly FakeBuilder[], before: readonly number[]): Promise<void> {
  const writes = ({ requests }: FakeBuilder, from: number) =>
    requests.slice(from).some(({ operation }) => operation === 'upload' || operation === 'delete')
  const ended = performance.now() + 2 * whole
  while (!builders.some((builder, n) => writes(builder, before[n]!)) && performance.now() < ended) await sleep(2)
}

/** Of the last writes since then no build came to its end. */
function isAmid({ requests }: FakeBuilder, from: number): boolean {
  const last = requests.slice(from).findLast(({ operation }) => ['upload', 'delete', 'build'].includes(operation))
  return last !== undefined && !(last.operation === 'build' && last.status === 200)
}

/** Lets it run until all is as it should be, and a while longer. */
async function compare(
  ground: ModulesGround,
  builders: readonly FakeBuilder[],
  releases: Releases,
): Promise<readonly string[]> {
  const truth = await releases.truth()
  const served = await ground.serve()
  try {
    await untilExact(builders, truth, 120_000)
    await served.passes(2, true)
    return builders.flatMap((builder, n) =>
      differences(builder.shown(), truth).map((what) => `builder ${n}: ${what} after a further pass`),
    )
  } catch (thrown) {
    return [String(thrown), ...(await unsettled(served))]
  } finally {
    await served.stop()
  }
}

/** What the ledger says of what is not through. */
async function unsettled(served: ModulesServed): Promise<readonly string[]> {
  const rows = await served.list<{ key: string; state: string }>('/api/v1/deliveries', { sync })
  const open = rows.filter(({ state }) => state !== 'applied')
  const scopes = await served.list<{ state: string; troubles: readonly unknown[] }>('/api/v1/scopes', { sync })
  const troubled = scopes.filter(({ state, troubles }) => state === 'unavailable' || troubles.length > 0)
  const events = await Promise.all(
    open.slice(0, 3).map(({ key }) => served.list<object>('/api/v1/events', { sync, key })),
  )
  return [...open, ...troubled, ...events.flat()].map((row) => JSON.stringify(row))
}

/** A few of all kinds. A module that goes keeps out of the way for the rest of the run, another one comes. */
async function change(releases: Releases, round: number, random: Random): Promise<void> {
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const changes = 1 + Math.floor(random() * 4)
  for (let n = 0; n < changes; n += 1) {
    const module = one([...releases.modules.keys()])
    const channel = one(channels)
    const version = releases.modules.get(module)?.get(channel)
    const what = random()
    if (what < 0.5 || version === undefined) await releases.put(module, channel, `v1.${round}.${n}`)
    else if (what < 0.65) await releases.reissue(module, version)
    else if (what < 0.8) await releases.withdraw(module, channel)
    else if (what < 0.9) {
      for (const each of channels) await releases.put(`n${round}-${n}`, each, `v0.${round}.${n}`)
    } else if (releases.modules.size > modules / 2) await releases.drop(module)
  }
}
