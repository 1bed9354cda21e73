/** Documentation builders that are away, or hang, while modules are released. */
import { startFakeBuilder, type FakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import { startFakeRegistry } from '../../src/connectors/oci/testing/fake-registry.ts'
import type { Ms } from '../../src/kernel/clock.ts'
import { modulesGround, sync, untilExact, type ModulesServed } from './modules-ground.ts'
import { until } from './served.ts'
import { createReleases, differences, type Releases } from './modules-releases.ts'
import { startRelay } from './relay.ts'

const base = 'down/modules'

async function groundOf(builders: readonly string[]) {
  const registry = await startFakeRegistry()
  const releases = createReleases({ base, shelf: registry, untag: (name, tag) => registry.untag(name, tag) })
  const targets = Object.fromEntries(builders.map((address, n) => [`builder-${n}`, { address }]))
  const ground = modulesGround({ registries: [{ base: `${registry.host}/${base}`, plain_http: true }], targets })
  return {
    releases,
    ground,
    async [Symbol.asyncDispose]() {
      ground[Symbol.dispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

export interface BuilderDown {
  readonly changes: number
  /** Documents that differ from what the builder showed before it went. */
  readonly moved: number
  readonly uploads: number
  readonly deletes: number
  readonly builds: number
  readonly wrong: readonly string[]
}

/** `returns`: with its disk as it was, or without anything on it. */
export async function builderDown(changes: number, returns: 'kept' | 'lost'): Promise<BuilderDown> {
  await using down = await startFakeBuilder()
  await using other = await startFakeBuilder()
  await using made = await groundOf([down.address, other.address])
  const { releases, ground } = made
  for (let n = 0; n < 30; n += 1)
    for (const channel of ['alpha', 'stable']) await releases.put(`m${n}`, channel, 'v1.0.0')
  await using served = await ground.serve()
  await untilExact([down, other], await releases.truth())
  const before = new Map(down.shown())

  await down.stop()
  const asked = down.requests.length
  for (let n = 0; n < changes; n += 1) {
    await changeOne(releases, n)
    // So that one change after the other is seen, and decided about.
    if (n % 10 === 9) await served.passes(1)
  }
  const truth = await releases.truth()
  await untilExact([other], truth)
  await untilDown(served)
  await down.start(returns)
  // It is left alone for up to a minute after many attempts.
  await untilExact([down], truth, 120_000)
  await served.passes(3, true)
  return { changes, moved: differences(before, truth).length, ...judge(down, asked, truth) }
}

/** New versions, again and again of the same modules; some go, and some of these come back. */
async function changeOne(releases: Releases, n: number): Promise<void> {
  const module = `m${n % 25}`
  if (n % 10 === 3 && releases.modules.get(module)?.has('stable')) await releases.withdraw(module, 'stable')
  else await releases.put(module, n % 3 === 0 ? 'stable' : 'alpha', `v1.${n + 1}.0`)
}

async function untilDown(served: ModulesServed): Promise<void> {
  const { targets } = await served.get<{ targets: { target: string; state: string }[] }>(`/api/v1/syncs/${sync}`)
  if (targets.some(({ target, state }) => target === 'builder-0' && state === 'unavailable')) return
  throw new Error('the builder that is down is not shown as unavailable')
}

function judge(builder: FakeBuilder, from: number, truth: ReadonlyMap<string, { readonly version: string | null }>) {
  const requests = builder.requests.slice(from)
  const of = (operation: string) => requests.filter((request) => request.operation === operation)
  const [uploads, deletes, builds] = [of('upload'), of('delete'), of('build')]
  const wrong: string[] = []
  const places = uploads.flatMap(({ module, version, channels }) =>
    channels.map((channel) => ({ key: `${module}/${channel}`, version })),
  )
  for (const { key, version } of places)
    if (truth.get(key)?.version !== version) wrong.push(`${key} ${version} was sent, and is not what it is now`)
  if (new Set(places.map(({ key }) => key)).size !== places.length) wrong.push('a document was sent twice')
  for (const { module, channels } of deletes)
    for (const channel of channels)
      if (truth.has(`${module}/${channel}`)) wrong.push(`${module}/${channel} was removed, and is released`)
  return { uploads: uploads.length, deletes: deletes.length, builds: builds.length, wrong }
}

export interface ManyBuilders {
  /** From the start of the process until all that are well show everything. */
  readonly first: Ms
  /** The same from the release of one new version, several times. */
  readonly later: readonly Ms[]
}

/** How one more builder does: as all others, or it takes connections and says nothing, or its builds never end. */
export type Odd = 'well' | 'silent' | 'builds-for-ever'

/** `count` builders and an odd one more; times are those of the `count`. */
export async function manyBuilders(count: number, odd: Odd, rounds: number): Promise<ManyBuilders> {
  const builders = await Promise.all(Array.from({ length: count }, () => startFakeBuilder()))
  const one = await startFakeBuilder()
  const relay = await startRelay(Number(one.address.split(':')[1]))
  if (odd === 'silent') relay.swallow()
  const end = odd === 'builds-for-ever' ? one.holdBuilds() : () => {}
  try {
    // The odd one is asked first.
    await using made = await groundOf([new URL(relay.endpoint).host, ...builders.map(({ address }) => address)])
    const { releases, ground } = made
    for (let n = 0; n < 20; n += 1)
      for (const channel of ['alpha', 'stable']) await releases.put(`m${n}`, channel, 'v1.0.0')
    const began = performance.now()
    await using served = await ground.serve()
    await untilExact(builders, await releases.truth(), 120_000)
    const first = performance.now() - began
    const later: Ms[] = []
    for (let round = 1; round <= rounds; round += 1) {
      // Between two passes, as releases come.
      await served.passes(1)
      await releases.put(`m${round}`, 'alpha', `v2.${round}.0`)
      const truth = await releases.truth()
      const moved = performance.now()
      await until('all that are well show it', () =>
        builders.every((builder) => differences(builder.shown(), truth).length === 0),
      )
      later.push(performance.now() - moved)
    }
    if (odd !== 'well' && one.builds > 0) throw new Error('the odd one has built')
    return { first, later }
  } finally {
    end()
    await relay[Symbol.asyncDispose]()
    await Promise.all([...builders, one].map((builder) => builder[Symbol.asyncDispose]()))
  }
}
