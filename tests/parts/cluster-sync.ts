/**
 * `regista serve` writes made-up manifests into a real etcd while that is anything but well: its leader
 * is killed, or the tokens that it gives out end. In the end every key of etcd is compared, byte for byte.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { createEtcd } from '../../src/connectors/etcd/client.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { KeyValue } from '../../src/kernel/key-value.ts'
import type { Etcd } from './etcd.ts'
import { generateManifests, keysOf, writeManifests, type GeneratedManifest } from './manifests.ts'
import { serveRegista } from './regista.ts'

export interface ClusterSync extends AsyncDisposable {
  readonly wanted: ReadonlyMap<string, GeneratedManifest>
  /** Gives some manifests another version, and writes them. */
  revise(share: number, version: string): Promise<number>
  /** How many keys there are below the prefix, by a client of our own. */
  keys(): Promise<number>
  /** Resolves with how long it took until every key was as it should be. Throws with what was not. */
  settle(bound: number): Promise<number>
  /** What is not as it should be, one line each; [] is exact. */
  differences(): Promise<string[]>
  /** The server's own words. */
  said(): string
}

export interface ClusterSyncOptions {
  readonly etcd: Etcd
  /** Empty, and removed by whoever made it. */
  readonly folder: string
  readonly count: number
  readonly seed: number
  /** Of the sync; 1s. */
  readonly interval?: string
  readonly user?: { readonly username: string; readonly password: string }
}

const prefix = '/chora/capabilities/'
const inventory = '/chora/gitops-sync/'
const { signal } = new AbortController()

export async function startClusterSync(options: ClusterSyncOptions): Promise<ClusterSync> {
  const { etcd, folder, count, seed, user } = options
  const manifests = join(folder, 'manifests')
  const wanted = new Map(generateManifests(count, seed).map((each) => [each.id, each]))
  await writeManifests(manifests, [...wanted.values()])
  const config = join(folder, 'regista.yaml')
  await writeFile(config, configText(options, manifests))
  const store = ownClient(etcd, user)
  const env = user ? { ETCD_PASSWORD: user.password } : {}
  const readNow = reader(store)
  const serving = await serveRegista(['-c', config, '--listen', '127.0.0.1:0'], { cwd: folder, env })

  async function differences(): Promise<string[]> {
    const found = await readNow()
    const expected = keysOf([...wanted.values()], prefix)
    for (const id of wanted.keys()) expected[`${inventory}chora/${id}`] = JSON.stringify({ prefix })
    const wrong = Object.entries(expected)
      .filter(([key, value]) => found.get(key) !== value)
      .map(([key]) => (found.has(key) ? `${key} is not as it should be` : `${key} is missing`))
    return [...wrong, ...[...found.keys()].filter((key) => !(key in expected)).map((key) => `${key} is too much`)]
  }

  return {
    wanted,
    keys: async () => (await store.range({ prefix, limit: 1, keysOnly: true }, signal)).count,
    differences,
    said: serving.stderr,
    async revise(share, version) {
      const chosen = [...wanted.values()].filter((_, n) => n % Math.round(1 / share) === 0)
      const revised = chosen.map((each) => revisionOf(each, version))
      for (const each of revised) wanted.set(each.id, each)
      await writeManifests(manifests, revised)
      return revised.length
    },
    async settle(bound) {
      const began = performance.now()
      for (;;) {
        // An outage is not what is asked about here.
        const left = await differences().catch((thrown: unknown) => [String(thrown)])
        const ms = performance.now() - began
        if (left.length === 0) return ms
        if (ms > bound) {
          throw new Error(`${left.length} differences after ${bound} ms, the first: ${left[0]}\n${serving.stderr()}`)
        }
        await systemClock.sleep(100)
      }
    },
    async [Symbol.asyncDispose]() {
      await serving.stop()
      await store.close()
    },
  }
}

function revisionOf(manifest: GeneratedManifest, version: string): GeneratedManifest {
  const { metadata, version: was } = manifest.values
  return {
    ...manifest,
    text: manifest.text.replace(`dc_hasVersion: ${was}\n`, `dc_hasVersion: ${version}\n`),
    values: {
      ...manifest.values,
      version,
      metadata: metadata.replace(`"dc_hasVersion": "${was}"`, `"dc_hasVersion": "${version}"`),
    },
  }
}

function configText({ etcd, user, interval = '1s' }: ClusterSyncOptions, manifests: string): string {
  const { certificates: files } = etcd
  const tls = files ? { tls: { ca: files.ca, cert: files.client.cert, key: files.client.key } } : {}
  const login = user ? { username: user.username, password: '${ETCD_PASSWORD}' } : {}
  // YAML takes JSON.
  const chora = {
    directory: manifests,
    interval,
    targets: { etcd: { etcd: { endpoints: etcd.endpoints, ...tls, ...login } } },
  }
  return `state: ./state\ncapabilities:\n  chora: ${JSON.stringify(chora)}\n`
}

function ownClient(etcd: Etcd, user: ClusterSyncOptions['user']): KeyValue {
  const { certificates: files } = etcd
  return createEtcd({
    endpoints: etcd.endpoints,
    clock: systemClock,
    ...(user && { user }),
    ...(files && {
      tls: () =>
        Promise.resolve({
          ca: readFileSync(files.ca),
          cert: readFileSync(files.client.cert),
          key: readFileSync(files.client.key),
        }),
    }),
  })
}

/** Every pair; asked again, it reads only what was written since. */
function reader(store: KeyValue): () => Promise<Map<string, string>> {
  let found = new Map<string, string>()
  let since = 0
  return async () => {
    const snapshot = await store.range({ prefix: '/chora/', since }, signal)
    for (const { key, value } of snapshot.pairs) found.set(key, Buffer.from(value).toString('utf8'))
    if (found.size === snapshot.count) {
      since = snapshot.revision
      return found
    }
    found = new Map()
    since = 0
    const { pairs } = await store.range({ prefix: '/chora/' }, signal)
    return new Map(pairs.map(({ key, value }) => [key, Buffer.from(value).toString('utf8')]))
  }
}
