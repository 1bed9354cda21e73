/** Releases that change, in any registry, and what every documentation builder is to show of them. */
import { Readable } from 'node:stream'
import { build, createDisk, upload, type Shown } from '../../src/connectors/docs-builder/testing/builder-disk.ts'
import { file, imageOf, layerOf, tarOf, type Shelf, type TarEntry } from './images.ts'
import { documentsOf, releaseOf } from './module-tree.ts'

export interface ReleasesOptions {
  /** Repository whose tags are the modules. */
  readonly base: string
  readonly shelf: Shelf
  untag(repository: string, tag: string): Promise<void> | void
  /** Bytes of one page of each module. */
  readonly weight?: number
}

export interface Releases {
  /** The channel stands for this version. */
  put(module: string, channel: string, version: string): Promise<void>
  /** The version is released once more, with other contents, in each of its channels. */
  reissue(module: string, version: string): Promise<void>
  withdraw(module: string, channel: string): Promise<void>
  /** The module goes from the list; its repositories stay. */
  drop(module: string): Promise<void>
  /** Module → channel → version. */
  readonly modules: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** By `module/channel`: what a builder shows that was sent all of it, and nothing else. */
  truth(): Promise<ReadonlyMap<string, Shown>>
}

export function createReleases({ base, shelf, untag, weight = 0 }: ReleasesOptions): Releases {
  const modules = new Map<string, Map<string, string>>()
  const listed = new Set<string>()
  /** `module version` → how often it was reissued. */
  const editions = new Map<string, number>()
  const editionOf = (module: string, version: string) => editions.get(`${module} ${version}`) ?? 0

  const pagesOf = (module: string, version: string): readonly TarEntry[] => [
    ...documentsOf(module, version),
    file('docs/EDITION.md', `edition ${editionOf(module, version)}\n`),
    ...(weight === 0 ? [] : [file('docs/WEIGHT.md', `${module} ${version} `.repeat(weight / 16))]),
  ]

  async function publish(module: string, channel: string, version: string): Promise<void> {
    const about = [...releaseOf(module, version), file('edition', String(editionOf(module, version)))]
    const image = imageOf([await layerOf(about)])
    // What is named is there before it is named.
    await shelf.put(`${base}/${module}`, version, imageOf([await layerOf(pagesOf(module, version))]))
    await shelf.put(`${base}/${module}/release`, channel, image)
    if (!listed.has(module)) await shelf.put(base, module, image)
    listed.add(module)
  }

  return {
    modules,
    async put(module, channel, version) {
      await publish(module, channel, version)
      modules.set(module, (modules.get(module) ?? new Map<string, string>()).set(channel, version))
    },
    async reissue(module, version) {
      editions.set(`${module} ${version}`, editionOf(module, version) + 1)
      for (const [channel, of] of modules.get(module) ?? []) {
        if (of === version) await publish(module, channel, version)
      }
    },
    async withdraw(module, channel) {
      await untag(`${base}/${module}/release`, channel)
      modules.get(module)?.delete(channel)
    },
    async drop(module) {
      await untag(base, module)
      for (const channel of modules.get(module)?.keys() ?? []) await untag(`${base}/${module}/release`, channel)
      listed.delete(module)
      modules.delete(module)
    },
    async truth() {
      const disk = createDisk()
      for (const [module, channels] of modules) {
        for (const [channel, version] of channels) {
          const body = Readable.from([await tarOf(pagesOf(module, version))])
          await upload(disk, { module, version, channels: [channel] }, body)
        }
      }
      build(disk, () => false)
      return disk.shown!
    },
  }
}

/** One line for each document that is missing, should not be there, or is another. */
export function differences(shown: ReadonlyMap<string, Shown>, truth: ReadonlyMap<string, Shown>): string[] {
  const missing = [...truth.keys()].filter((key) => !shown.has(key)).map((key) => `${key} is missing`)
  const wrong = [...shown].flatMap(([key, { version, files }]) => {
    const wanted = truth.get(key)
    if (wanted === undefined) return [`${key} ${version} should not be there`]
    if (wanted.version !== version) return [`${key} is ${version}, not ${wanted.version}`]
    const same = wanted.files.size === files.size && [...wanted.files].every(([name, of]) => files.get(name) === of)
    return same ? [] : [`${key} ${version} has other contents`]
  })
  return [...missing, ...wrong]
}
