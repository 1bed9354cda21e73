/** etcd is killed under `gitops-sync-registry --watch`, manifests are saved meanwhile, and etcd comes back. */
import { createEtcd } from '../../src/connectors/etcd/client.ts'
import { systemClock, type Ms } from '../../src/kernel/clock.ts'
import { startEtcd } from './etcd.ts'
import { gitopsSync, until, valuesOf } from './gitops-sync.ts'

export interface Outage {
  /** From the moment etcd serves again to the first write, and to the last one. */
  readonly first: Ms
  readonly last: Ms
  readonly saves: number
  /** What was not as it should be in the end. */
  readonly differences: readonly string[]
}

const prefix = '/chora/capabilities/'
const { signal } = new AbortController()

/** `away`: how long nobody listens. As many saves are spread over it as there are seconds, and two at least. */
export async function outage({ away, count }: { away: Ms; count: number }): Promise<Outage> {
  await using etcd = await startEtcd()
  using sync = gitopsSync(etcd.port)
  const versions = new Map(Array.from({ length: count }, (_, n) => [`chora.outage.n${n}`, '1.0.0']))
  for (const id of versions.keys()) sync.write(id)
  await using running = sync.start('--watch')
  await running.said(`Sync complete: ${count} synced, 0 skipped, 0 errors`)
  const revision = await etcd.revision()

  await etcd.kill()
  const saves = Math.max(2, Math.floor(away / 1000))
  const ids = [...versions.keys()]
  for (let save = 0; save < saves; save++) {
    const id = save === 1 ? 'chora.outage.new' : ids[save % ids.length]!
    versions.set(id, `2.${save}.0`)
    sync.write(id, { version: `2.${save}.0` })
    await systemClock.sleep(away / saves)
  }
  const store = createEtcd({ endpoints: etcd.endpoints, clock: systemClock })
  await etcd.start()
  const began = performance.now()
  await until('a write', async () => (await store.range({ prefix, limit: 1 }, signal)).revision > revision, 60_000)
  const first = performance.now() - began
  await until('all is as it should be', async () => differs(await etcd.dump(prefix), versions).length === 0).catch(
    () => {},
  )
  const last = performance.now() - began
  const differences = differs(await etcd.dump(prefix), versions)
  await store.close()
  return { first, last, saves, differences }
}

function differs(found: Readonly<Record<string, string>>, versions: ReadonlyMap<string, string>): string[] {
  const expected = new Map<string, string>()
  for (const [id, version] of versions) {
    for (const [facet, value] of Object.entries(valuesOf(id, { version })))
      expected.set(`${prefix}${id}/${facet}`, value)
  }
  const wrong = [...expected].filter(([key, value]) => found[key] !== value).map(([key]) => key)
  return [...wrong, ...Object.keys(found).filter((key) => !expected.has(key))]
}
