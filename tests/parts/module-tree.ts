/** Module images in the layout that Deckhouse's registries have. */
import { directory, file, imageOf, layerOf, type Built, type Compression } from './images.ts'
import type { Shelf, TarEntry, Types } from './images.ts'

export interface ModuleTree {
  /** Repository whose tags are the modules: `deckhouse/ee/modules`. */
  readonly base: string
  /** Module → channel → version, which begins with a `v`. */
  readonly modules: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** What the module's image holds; as it is by default, each version differs. */
  readonly files?: (module: string, version: string) => readonly TarEntry[]
  readonly compression?: Compression
  readonly types?: Types
  /** How many images are pushed at once. */
  readonly atOnce?: number
}

/**
 * Module m: tag m of the base, `base/m/release:<channel>` with version.json, `base/m:<version>` with
 * its documentation. May be called again with other versions: tags move, nothing is removed.
 */
export async function publishModules(shelf: Shelf, tree: ModuleTree): Promise<void> {
  const { base, compression = 'gzip', types = 'oci' } = tree
  const make = async (entries: readonly TarEntry[]) => imageOf([await layerOf(entries, compression)], { types })
  const marker = await make([file('name', 'a module')])
  const work: (() => Promise<void>)[] = []
  const publish = (repository: string, tag: string, image: () => Promise<Built>) =>
    work.push(async () => shelf.put(repository, tag, await image()))

  for (const [module, channels] of Object.entries(tree.modules)) {
    const files = tree.files ?? documentsOf
    for (const version of new Set(Object.values(channels))) {
      publish(`${base}/${module}`, version, () => make(files(module, version)))
    }
    for (const [channel, version] of Object.entries(channels)) {
      publish(`${base}/${module}/release`, channel, () => make(releaseOf(module, version)))
    }
    publish(base, module, async () => marker)
  }
  const next = work.values()
  const worker = async () => {
    for (const task of next) await task()
  }
  await Promise.all(Array.from({ length: tree.atOnce ?? 8 }, worker))
}

export const releaseOf = (module: string, version: string): readonly TarEntry[] => [
  file('version.json', JSON.stringify({ version })),
  file('module.yaml', `name: ${module}\nweight: 900\n`),
]

/** Documentation as modules have it, and files that are none. */
export const documentsOf = (module: string, version: string): readonly TarEntry[] => [
  directory('docs'),
  file('docs/README.md', `# ${module} ${version}\n`),
  file('docs/README_RU.md', `# ${module} ${version}, по-русски\n`),
  directory('openapi'),
  file('openapi/config-values.yaml', 'type: object\n'),
  file('openapi/doc-ru-config-values.yaml', 'type: object\n'),
  directory('openapi/conversions'),
  file('openapi/conversions/v2.yaml', 'version: 2\n'),
  directory('crds'),
  file('crds/thing.yaml', 'kind: CustomResourceDefinition\n'),
  file('module.yaml', `name: ${module}\n`),
  file('oss.yaml', '[]\n'),
  file('hooks/main.go', 'package main\n'),
  directory('templates'),
  file('templates/deployment.yaml', 'kind: Deployment\n'),
]
