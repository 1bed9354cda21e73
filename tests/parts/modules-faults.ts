/** A registry goes wrong in the middle of a scan: nothing is deleted, what was known stays, all is shown, and it mends. */
import { startFakeBuilder, type FakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import { page, refused, truncated, type Fault } from '../../src/connectors/oci/testing/fake-faults.ts'
import { startFakeRegistry, type Asked, type FakeRegistry } from '../../src/connectors/oci/testing/fake-registry.ts'
import type { Ms } from '../../src/kernel/clock.ts'
import { command } from './commands.ts'
import { startDockerRegistry } from './docker-registry.ts'
import {
  modulesGround,
  realRegistry,
  sentTo,
  sync,
  untilExact,
  type ModulesGround,
  type ModulesServed,
  type ScopeSeen,
  type Settings,
} from './modules-ground.ts'
import { createReleases, type Releases } from './modules-releases.ts'
import { until } from './served.ts'

export interface FaultSeen {
  readonly fault: string
  /** From the fault to the first scope that is shown as unavailable. */
  readonly shownAfter: Ms
  /** From its end until all scopes are well and every builder shows what is released. */
  readonly mendedAfter: Ms
  /** Scopes that were shown as unavailable at the worst. */
  readonly scopes: number
  readonly wrong: readonly string[]
}

const base = 'faulty/modules'
const modules = 12
const channels = ['alpha', 'stable'] as const
/** Names of modules come in several pages. */
const pageSize = 5
/** A scan asks about three times as often as there are modules: this is within its first half. */
const midScan = 9

const isList = ({ kind }: Asked) => kind === 'tags'
const always = () => true

/** What is answered to which requests of those that come after the first few. */
const faults: Readonly<Record<string, { readonly to: (asked: Asked) => boolean; readonly is: Fault }>> = {
  '401': { to: always, is: refused(401) },
  '403': { to: always, is: refused(403) },
  '429': { to: always, is: refused(429, { 'retry-after': '2' }) },
  '500': { to: always, is: refused(500) },
  '503': { to: always, is: refused(503, { 'retry-after': '1' }) },
  'hangs': { to: always, is: 'hang' },
  'drops': { to: always, is: 'drop' },
  'page-of-a-proxy': { to: always, is: page },
  'half-a-list': { to: isList, is: truncated },
  'half-a-list-drops': { to: isList, is: 'drop-half-way' },
  'half-a-list-hangs': { to: isList, is: 'hang-half-way' },
  'second-page-500': { to: (asked) => isList(asked) && asked.query.has('last'), is: refused(500) },
  'second-page-404': { to: (asked) => isList(asked) && asked.query.has('last'), is: refused(404) },
  'lists-404': { to: (asked) => isList(asked) && asked.repository === base, is: refused(404) },
}

export const faultNames: readonly string[] = Object.keys(faults)

/** All of them, one after the other, at one process. */
export async function registryFaults(names: readonly string[]): Promise<FaultSeen[]> {
  await using registry = await startFakeRegistry({ pageSize })
  const { host } = registry
  const place = { base: `${host}/${base}`, plain_http: true, timeout: '1s' }
  const releases = createReleases({ base, shelf: registry, untag: (name, tag) => registry.untag(name, tag) })
  return await withBuilders(place, releases, async (world) => {
    const seen: FaultSeen[] = []
    for (const name of names) {
      const breaks = () => breakNow(registry, name)
      const mends = () => {
        registry.fault = null
        return Promise.resolve()
      }
      seen.push(await suffer(world, { name, breaks, mends }))
    }
    return seen
  })
}

function breakNow(registry: FakeRegistry, name: string): Promise<void> {
  const { to, is } = faults[name]!
  let left = midScan
  registry.fault = (asked) => ((left -= 1) < 0 && to(asked) ? is : null)
  return Promise.resolve()
}

/** A registry that does not take our name any more, is killed, and falls silent. */
export async function realRegistryFaults(): Promise<FaultSeen[]> {
  await using registry = await startDockerRegistry({ tls: true, auth: 'token', token: { expiresIn: 2 } })
  const { tokens, disk: shelf, untag } = registry
  const releases = createReleases({ base, shelf, untag })
  return await withBuilders({ ...realRegistry(registry, base), timeout: '1s' }, releases, async (world) => {
    const steps: readonly Step[] = [
      {
        name: 'real-401',
        breaks: () => Promise.resolve(tokens!.set({ refuse: 401 })),
        mends: () => Promise.resolve(tokens!.set({ refuse: null })),
      },
      { name: 'real-killed', breaks: () => registry.kill(), mends: () => registry.start() },
      {
        name: 'real-silent',
        breaks: () => Promise.resolve(registry.signal('SIGSTOP')),
        mends: () => Promise.resolve(registry.signal('SIGCONT')),
      },
    ]
    const seen: FaultSeen[] = []
    for (const step of steps) seen.push(await suffer(world, step))
    return seen
  })
}

interface World {
  readonly ground: ModulesGround
  readonly served: ModulesServed
  readonly releases: Releases
  readonly builders: readonly FakeBuilder[]
}

interface Step {
  readonly name: string
  breaks(): Promise<void>
  mends(): Promise<void>
}

async function withBuilders<T>(registry: Settings, releases: Releases, work: (world: World) => Promise<T>): Promise<T> {
  for (let n = 0; n < modules; n += 1) for (const channel of channels) await releases.put(`m${n}`, channel, 'v1.0.0')
  await using first = await startFakeBuilder()
  await using second = await startFakeBuilder({ documents: 'missing' })
  const builders = [first, second]
  const targets = Object.fromEntries(builders.map(({ address }, n) => [`builder-${n}`, { address }]))
  using ground = modulesGround({ registries: [registry], targets })
  await using served = await ground.serve()
  await untilExact(builders, await releases.truth())
  return await work({ ground, served, releases, builders })
}

async function suffer(
  { ground, served, releases, builders }: World,
  { name, breaks, mends }: Step,
): Promise<FaultSeen> {
  const wrong: string[] = []
  const deletes = () => builders.reduce((sum, builder) => sum + sentTo(builder).deletes, 0)
  const keys = () => builders.map((builder) => [...builder.shown().keys()].toSorted().join(' ')).join('\n')
  const [deletesBefore, keysBefore] = [deletes(), keys()]
  const scopesIn = (state: string) => served.list<ScopeSeen>('/api/v1/scopes', { sync, state })
  await breaks()
  const broken = performance.now()
  await until(`${name}: a scope is shown as unavailable`, async () => (await scopesIn('unavailable')).length > 0)
  const shownAfter = performance.now() - broken
  // Absences would be believed by now.
  await served.passes(3)
  // By names that are new: whoever mistakes a part for the whole would also miss them later.
  await releases.put('m0', 'alpha', `v2.0.${name.replaceAll(/\D/g, '') || '0'}`)
  await served.passes(1)
  const unavailable = await scopesIn('unavailable')
  if (unavailable.length === 0) wrong.push('no scope is unavailable after further passes')
  if (unavailable.some(({ detail, why }) => why !== 'source-unavailable' || (detail ?? '') === '')) {
    wrong.push(`a scope does not say why it is unavailable: ${JSON.stringify(unavailable[0])}`)
  }
  const counted = await served.metric(`regista_scopes{sync="${sync}",state="unavailable"}`)
  if ((counted ?? 0) < 1) wrong.push(`the metric says ${counted}`)
  const { stdout, stderr } = await command(['status', '-c', ground.at.path('regista.yaml')])
  if (!/cannot be read.*last known good stays/.test(stderr)) wrong.push(`regista status says ${stdout}${stderr}`)
  if ((await served.status()).lastPassOk !== false) wrong.push('the last pass is shown as one that went well')

  await mends()
  const mended = performance.now()
  await untilExact(builders, await releases.truth())
  await until(`${name}: all is well`, async () => {
    const { lastPassOk } = await served.status()
    return lastPassOk === true && (await scopesIn('unavailable')).length === 0
  })
  const mendedAfter = performance.now() - mended
  if (deletes() !== deletesBefore) wrong.push(`${deletes() - deletesBefore} deletions were sent`)
  if (keys() !== keysBefore) wrong.push('builders show other documents than before')
  return { fault: name, shownAfter, mendedAfter, scopes: unavailable.length, wrong }
}
