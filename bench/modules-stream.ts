/** What memory it takes to read a module whose image is large, and what of it is fetched. */
import { createHash, randomFillSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { directory, file, imageOf, layerOf, tarOf, type Layer } from '../tests/parts/images.ts'
import { releaseOf } from '../tests/parts/module-tree.ts'
import { startRelay } from '../tests/parts/relay.ts'
import { residentOf } from './parts/drop-in.ts'
import { base, passOf, prepareModules, type ModulesGround } from './parts/modules.ts'
import type { Benches } from './report.ts'

const layers = 8
const mebibyte = 1024 ** 2

export const benches: Benches = {
  'modules.stream-rss': async (report, { long }) => {
    const size = (long ? 128 : 16) * mebibyte
    await using ground = await prepareModules()
    await using relay = await startRelay(ground.registry.port)
    await using serving = await ground.serve({ host: new URL(relay.endpoint).host })
    const first = await Promise.all(Array.from({ length: layers }, (_, at) => largeLayer(size, at)))
    await publish(ground, 'v1.0.0', first)
    await ground.registry.disk.put(base, 'large', imageOf([await layerOf([file('name', 'a module')])]))
    const idle = residentOf(serving.pid).now
    const began = performance.now()
    await passOf(serving)
    const seconds = (performance.now() - began) / 1000
    checkSite(ground, 'v1.0.0', layers)
    const note = `regista serve, one image of ${layers} gzip layers of ${size / mebibyte} MiB, all in flight, TLS and tokens; ${Math.round(idle)} MiB before`
    report({ value: residentOf(serving.pid).highest, unit: 'MiB', limit: { atMost: 200 }, note })
    report({ figure: 'rate', value: (layers * size) / mebibyte / seconds, unit: 'MiB/s' })
    // A new version that shares all layers but the last.
    const before = relay.received
    const last = await largeLayer(size, layers)
    await publish(ground, 'v1.1.0', [...first.slice(0, -1), last])
    await passOf(serving)
    checkSite(ground, 'v1.1.0', layers)
    const extra = relay.received - before - last.bytes.length
    report({
      figure: 'again',
      value: extra / mebibyte,
      unit: 'MiB',
      limit: { atMost: 1 },
      note: `received beyond the one layer not seen before, of ${layers}; headers and TLS included`,
    })
    report({ figure: 'highest', value: residentOf(serving.pid).highest, unit: 'MiB', limit: { atMost: 200 } })
  },
}

async function publish({ registry }: ModulesGround, version: string, of: readonly Layer[]): Promise<void> {
  await registry.disk.put(`${base}/large`, version, imageOf(of))
  await registry.disk.put(`${base}/large/release`, 'alpha', imageOf([await layerOf(releaseOf('large', version))]))
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

function checkSite({ site }: ModulesGround, version: string, pages: number): void {
  const place = join(site, 'large/alpha')
  const label = JSON.parse(readFileSync(join(place, '.regista.json'), 'utf8')) as { version: string }
  if (label.version !== version) throw new Error(`the site shows ${label.version}, not ${version}`)
  for (let page = 0; page < pages - 1; page++) {
    if (!existsSync(join(place, `docs/page-${page}.md`))) throw new Error(`page ${page} is missing`)
  }
}
