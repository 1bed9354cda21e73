/**
 * gitops-sync-registry is killed in the middle of a sync, again and again. After each kill no
 * capability in etcd is half-written, and after each restart the keys are exactly as the manifests say.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createEtcd } from '../../src/connectors/etcd/client.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Etcd } from './etcd.ts'
import { gitopsSync, valuesOf, type GitopsSync, type Manifest, type Running } from './gitops-sync.ts'

export interface KillOptions {
  readonly etcd: Etcd
  readonly rounds: number
  readonly random: () => number
}

export interface KillReport {
  readonly rounds: number
  /** Kills that came while keys were being written: some capabilities were new in etcd and others old. */
  readonly amid: number
  /** What was wrong, one line each. */
  readonly faults: readonly string[]
}

const capabilities = 800
const prefix = '/chora/capabilities/'
const inventory = '/chora/gitops-sync/'
/** Milliseconds from the line that says how many files there are to about the end of the sync. */
const whole = 500
/** From the first key that changes in etcd to about the last. */
const writing = 60

export async function killSync({ etcd, rounds, random }: KillOptions): Promise<KillReport> {
  using sync = gitopsSync(etcd.port)
  const wanted = new Map<string, Partial<Manifest>>()
  const faults: string[] = []
  const store = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
  let amid = 0
  for (let round = 1; round <= rounds; round++) {
    change(sync, wanted, round, random)
    const place = random() < 0.5 ? [] : ['--state-dir', '/dev/null/none']
    const { revision } = await store.range({ prefix, limit: 1 }, signal)
    await using running = sync.start('--allow-deletes', '1000', '--source-id', 'killed', ...place)
    await running.said('Found ')
    if (random() < 0.25) {
      await sleep(random() * whole)
    } else {
      while ((await store.range({ prefix, limit: 1 }, signal)).revision === revision && isRunning(running)) continue
      await sleep(random() * writing)
    }
    await running.stop('SIGKILL')
    const killed = await etcd.dump(prefix)
    faults.push(...halves(killed).map((id) => `round ${round}: ${id} is half-written after the kill`))
    if (isAmid(killed, round)) amid += 1
    const again = await sync.run('--allow-deletes', '1000', '--source-id', 'killed', ...place)
    if (again.code !== 0)
      faults.push(`round ${round}: the restart ended with ${again.code}: ${again.stderr.slice(-500)}`)
    faults.push(...(await differences(etcd, wanted)).map((what) => `round ${round}: ${what}`))
  }
  await store.close()
  return { rounds, amid, faults }
}

const { signal } = new AbortController()
const isRunning = ({ child }: Running) => child.exitCode === null

/** Every manifest gets the version of the round; some go, some come. */
function change(sync: GitopsSync, wanted: Map<string, Partial<Manifest>>, round: number, random: () => number): void {
  for (let n = 0; n < capabilities; n++) {
    const id = `chora.kill.n${n}`
    const was = wanted.has(id)
    if (was && random() < 0.05) {
      wanted.delete(id)
      sync.remove(id)
    } else if (was || round === 1 || random() < 0.5) {
      const manifest = { version: `${round}.0.${n}`, type: n % 2 === 0 ? 'service' : 'pattern' } as const
      wanted.set(id, manifest)
      sync.write(id, manifest)
    }
  }
}

function byId(dump: Readonly<Record<string, string>>): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>()
  for (const [key, value] of Object.entries(dump)) {
    const [id = '', facet = ''] = key.slice(prefix.length).split('/')
    found.set(id, { ...found.get(id), [facet]: value })
  }
  return found
}

/** Capabilities whose four keys do not belong together. */
function halves(dump: Readonly<Record<string, string>>): string[] {
  return [...byId(dump)].filter(([, values]) => !isWhole(values)).map(([id]) => id)
}

function isWhole({ metadata, version, ...rest }: Record<string, string>): boolean {
  if (metadata === undefined || version === undefined || Object.keys(rest).length !== 2) return false
  return metadata.includes(`"dc_hasVersion": "${version}"`)
}

function isAmid(dump: Readonly<Record<string, string>>, round: number): boolean {
  const versions = [...byId(dump).values()].map(({ version = '' }) => version.startsWith(`${round}.`))
  return versions.includes(true) && (versions.includes(false) || round === 1)
}

async function differences(etcd: Etcd, wanted: ReadonlyMap<string, Partial<Manifest>>): Promise<string[]> {
  const expected = new Map<string, string>()
  for (const [id, manifest] of wanted) {
    for (const [facet, value] of Object.entries(valuesOf(id, manifest))) expected.set(`${prefix}${id}/${facet}`, value)
    expected.set(`${inventory}killed/${id}`, JSON.stringify({ prefix }))
  }
  const found = new Map(Object.entries(await etcd.dump('/chora/')))
  const wrong = [...expected]
    .filter(([key, value]) => found.get(key) !== value)
    .map(([key]) => `${key} is not as it should be`)
  return [...wrong, ...[...found.keys()].filter((key) => !expected.has(key)).map((key) => `${key} should not be there`)]
}
