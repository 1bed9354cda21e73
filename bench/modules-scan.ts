/** What it costs to find that nothing changed in a registry of modules. */
import { imageOf, layerOf } from '../tests/parts/images.ts'
import { publishModules, releaseOf } from '../tests/parts/module-tree.ts'
import type { Serving } from '../tests/parts/regista.ts'
import { startRelay } from '../tests/parts/relay.ts'
import { usualChannels } from '../src/registries/modules/layout.ts'
import { bareRegistry, type BareRegistry, type Manifest } from './parts/bare-registry.ts'
import { percentile } from './parts/drop-in.ts'
import { base, passOf, prepareModules, requestsOf, type ModulesGround } from './parts/modules.ts'
import type { Benches, Report } from './report.ts'

/** Requests in flight, by both. */
const atOnce = 16

export const benches: Benches = {
  'modules.noop-scan': async (report, { long }) => {
    const count = long ? 200 : 40
    await using ground = await prepareModules()
    const manifests = await publish(ground, count)
    await using serving = await ground.serve({})
    const heads = headsOf(ground, ground.registry.url)
    await passOf(serving)
    // Each in turn, so that what else runs on the machine meets both.
    const [ours, bare]: [number[], number[]] = [[], []]
    const requests = count + manifests.length + 1
    const before = await requestsOf(serving)
    const rounds = long ? 9 : 5
    for (let round = 0; round < rounds; round++) {
      bare.push((await heads.run(manifests, atOnce)) / manifests.length)
      ours.push((await unchangedPass(serving)) / requests)
    }
    await heads.close()
    const rate = 1 / percentile(ours, 0.5)
    const note = `${count} modules × ${usualChannels.length} channels, ${atOnce} in flight, TLS and tokens, median of ${rounds}; baseline: HEADs of undici with If-None-Match, tokens at hand`
    report({
      value: rate,
      unit: '1/s',
      baseline: 1 / percentile(bare, 0.5),
      limit: { of: 'ratio', atLeast: 0.7 },
      note,
    })
    await reportRequests(report, serving, before, rounds, requests)
  },
  'modules.noop-scan-50ms': async (report, { long }) => {
    const count = long ? 200 : 40
    await using ground = await prepareModules()
    const manifests = await publish(ground, count)
    await using relay = await startRelay(ground.registry.port, { delay: 50 })
    const url = relay.endpoint.replace('http:', 'https:')
    await using serving = await ground.serve({ host: new URL(url).host })
    const heads = headsOf(ground, url)
    await passOf(serving)
    const ours: number[] = []
    for (let round = 0; round < 3; round++) ours.push(await unchangedPass(serving))
    const some = manifests.slice(0, long ? manifests.length : 50)
    await heads.run(some.slice(0, 5), 1)
    const serial = ((await heads.run(some, 1)) / some.length) * (count + manifests.length + 1)
    await heads.close()
    const value = percentile(ours, 0.5)
    const note = `${count} modules, 50 ms added to each answer; baseline: as many HEADs one after the other`
    report({ value, unit: 's', baseline: serial, ratio: serial / value, limit: { of: 'ratio', atLeast: 12 }, note })
  },
}

/** The release images of all channels, two versions for each module. */
async function publish({ registry }: ModulesGround, count: number): Promise<Manifest[]> {
  const modules: Record<string, Record<string, string>> = {}
  const manifests: Manifest[] = []
  for (let n = 0; n < count; n++) {
    const module = `module-${n}`
    modules[module] = Object.fromEntries(usualChannels.map((channel, at) => [channel, at < 2 ? 'v1.1.0' : 'v1.0.0']))
    for (const [channel, version] of Object.entries(modules[module])) {
      const { digest } = imageOf([await layerOf(releaseOf(module, version))])
      manifests.push({ repository: `${base}/${module}/release`, reference: channel, digest })
    }
  }
  await publishModules(registry.disk, { base, modules })
  return manifests
}

function headsOf({ registry }: ModulesGround, url: string): BareRegistry {
  return bareRegistry(url, registry.ca!, (repository) => `Bearer ${registry.tokens!.mint(repository, ['pull'])}`)
}

async function unchangedPass(serving: Serving): Promise<number> {
  const { ok, took, scopes } = await passOf(serving)
  if (!ok || scopes.complete + scopes.unavailable > 0)
    throw new Error(`not a pass without changes: ${JSON.stringify(scopes)}`)
  return took / 1000
}

async function reportRequests(
  report: Report,
  serving: Serving,
  before: ReadonlyMap<string, number>,
  rounds: number,
  most: number,
): Promise<void> {
  const after = await requestsOf(serving)
  const of = (method: string) => ((after.get(method) ?? 0) - (before.get(method) ?? 0)) / rounds
  report({
    figure: 'requests',
    value: of('HEAD') + of('GET') + of('POST'),
    unit: 'a scan',
    limit: { atMost: most },
    note: 'token requests included',
  })
}
