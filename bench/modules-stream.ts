/** What memory it takes to read a module whose image is large, and what of it is fetched. */
import { createHash, randomFillSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { startFakeBuilder, type FakeBuilder } from '../src/connectors/docs-builder/testing/fake-builder.ts'
import type { DockerRegistry } from '../tests/parts/docker-registry.ts'
import { startDockerRegistry } from '../tests/parts/docker-registry.ts'
import { directory, file, imageOf, layerOf, tarOf, type Layer } from '../tests/parts/images.ts'
import { releaseOf } from '../tests/parts/module-tree.ts'
import { modulesWatcher } from '../tests/parts/modules-watcher.ts'
import { startRelay } from '../tests/parts/relay.ts'
import { residentOf, sleep } from './parts/drop-in.ts'
import type { Benches } from './report.ts'

const layers = 8
const mebibyte = 1024 ** 2
const base = 'deckhouse/ee/modules'

export const benches: Benches = {
  'modules.stream-rss': async (report, { long }) => {
    const size = (long ? 128 : 16) * mebibyte
    await using registry = await startDockerRegistry({ tls: true, auth: 'token', unlogged: true })
    await using relay = await startRelay(registry.port)
    await using builder = await startFakeBuilder()
    const first = await Promise.all(Array.from({ length: layers }, (_, at) => largeLayer(size, at)))
    await registry.disk.put(base, 'small', imageOf([await layerOf([file('name', 'a module')])]))
    await publish(registry, 'small', 'v1.0.0', [await largeLayer(1024, 100)])
    const host = new URL(relay.endpoint).host
    const { username, password } = registry.user
    const auths = { [host]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } }
    using watcher = modulesWatcher({ REGISTRY_AUTHS: JSON.stringify({ auths }), POD_NAMESPACE: 'none' })
    const realm = new URL(registry.tokens!.realm).host
    const trust = ['--realm', realm, '--ca', registry.certificates!.ca]
    const flags = ['--watch-registries', `${host}/${base}`, '--scan-interval', '2s', '--builder', builder.address]
    await using watching = await watcher.start(...flags, ...trust, '--state-dir', watcher.state)
    const pid = watching.child.pid!
    await shown(builder, 'small/alpha', 'v1.0.0')
    const idle = residentOf(pid)
    const began = performance.now()
    await publish(registry, 'large', 'v1.0.0', first)
    await registry.disk.put(base, 'large', imageOf([await layerOf([file('name', 'a module')])]))
    await shown(builder, 'large/alpha', 'v1.0.0')
    const seconds = (performance.now() - began) / 1000
    const note = `registry-modules-watcher, one image of ${layers} gzip layers of ${size / mebibyte} MiB, all in flight, TLS and tokens; ${Math.round(idle.now)} MiB before, at most ${Math.round(idle.highest)}`
    report({ value: residentOf(pid).highest, unit: 'MiB', limit: { atMost: 200 }, note })
    report({
      figure: 'rate',
      value: (layers * size) / mebibyte / seconds,
      unit: 'MiB/s',
      note: 'from the push to the site',
    })
    // A new version that shares all layers but the last.
    const before = relay.received
    const last = await largeLayer(size, layers)
    await publish(registry, 'large', 'v1.1.0', [...first.slice(0, -1), last])
    await shown(builder, 'large/alpha', 'v1.1.0')
    report({
      figure: 'again',
      value: (relay.received - before - last.bytes.length) / mebibyte,
      unit: 'MiB',
      limit: { atMost: 1 },
      note: `received beyond the one layer of ${layers} not seen before; scans, headers and TLS included`,
    })
    report({ figure: 'highest', value: residentOf(pid).highest, unit: 'MiB', limit: { atMost: 200 } })
  },
}

async function publish(registry: DockerRegistry, module: string, version: string, of: readonly Layer[]): Promise<void> {
  await registry.disk.put(`${base}/${module}`, version, imageOf(of))
  await registry.disk.put(`${base}/${module}/release`, 'alpha', imageOf([await layerOf(releaseOf(module, version))]))
}

/** What cannot be compressed, and a page of documentation behind it. */
async function largeLayer(size: number, seed: number): Promise<Layer> {
  const content = randomFillSync(Buffer.allocUnsafe(size))
  const page = file(`docs/page-${seed}.md`, `# Page ${seed}\n`)
  const tar = await tarOf([directory('images'), file(`images/${seed}.bin`, content), directory('docs'), page])
  const bytes = gzipSync(tar, { level: 1 })
  const digest = (of: Uint8Array) => `sha256:${createHash('sha256').update(of).digest('hex')}`
  return { compression: 'gzip', digest: digest(bytes), diffId: digest(tar), bytes }
}

async function shown(builder: FakeBuilder, key: string, version: string): Promise<void> {
  const until = performance.now() + 300_000
  while (builder.shown().get(key)?.version !== version) {
    if (performance.now() > until) throw new Error(`${key} ${version} is not shown after five minutes`)
    await sleep(20)
  }
}
