/** Good manifests with hostile files among them: what reaches etcd, and how often each bad one is named. */
import { isDeepStrictEqual } from 'node:util'
import type { Etcd } from './etcd.ts'
import { gitopsSync } from './gitops-sync.ts'
import { writeHostileFiles } from './hostile-files.ts'
import { generateManifests, keysOf, writeManifests } from './manifests.ts'
import { regista } from './regista.ts'
import { scratch } from './scratch.ts'

export interface HostileRun {
  /** Capabilities in etcd, every key of them as it must be. */
  readonly synced: number
  readonly exact: boolean
  readonly passes: number
  /** Bad files that were not named exactly once: name and how often. */
  readonly inLog: readonly string[]
  readonly inStatus: readonly string[]
}

const record = /^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - )/m

export async function hostileSync(etcd: Etcd, good: number, bad: number, seed: number): Promise<HostileRun> {
  const passes = 3
  using sync = gitopsSync(etcd.port)
  const manifests = generateManifests(good, seed)
  await writeManifests(sync.manifests, manifests)
  await using hostile = await writeHostileFiles(sync.manifests, bad)
  const wanted = keysOf(manifests)

  const log = await (async () => {
    await using watch = sync.start('--watch', '--interval', '1')
    await watch.said(new RegExp(`(?:Sync cycle complete[^]*){${passes}}`))
    return watch.stderr()
  })()
  const dump = await etcd.dump('/chora/capabilities/')
  const problems = log.split(record).filter((text) => / - (?:ERROR|WARNING) - /.test(text))

  using place = scratch(
    `capabilities:\n  all:\n    directory: ${JSON.stringify(sync.manifests)}\n    targets: { own: { store: true } }\n`,
  )
  await regista(['sync', 'all'], { cwd: place.folder })
  const status = await regista(['status'], { cwd: place.folder })
  return {
    synced: Object.keys(dump).length / 4,
    exact: isDeepStrictEqual(dump, wanted),
    passes,
    inLog: wrongly(hostile.names, problems),
    inStatus: wrongly(hostile.names, status.stderr.split('\n')),
  }
}

function wrongly(names: readonly string[], texts: readonly string[]): string[] {
  return names.flatMap((name) => {
    const count = texts.filter((text) => text.includes(name)).length
    return count === 1 ? [] : [`${name}: ${count} times`]
  })
}
