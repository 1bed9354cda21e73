/** `node scripts/run.js scripts/example-modules`: makes the registry of examples/modules/ anew, from the texts below. */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directory, file, imageOf, layerOf, type TarEntry } from '../tests/parts/images.ts'
import { layoutShelf } from '../tests/parts/shelves.ts'

const example = join(import.meta.dirname, '../examples/modules')

interface Release {
  readonly version: string
  readonly channels: readonly string[]
  /** Of its documentation. */
  readonly text: string
}

interface Module {
  readonly title: string
  readonly releases: readonly Release[]
}

const modules: Readonly<Record<string, Module>> = {
  echo: {
    title: 'Echo',
    releases: [
      { version: 'v1.0.2', channels: ['stable'], text: 'Answers with what it was sent.' },
      {
        version: 'v1.1.0',
        channels: ['alpha', 'beta'],
        text: 'Answers with what it was sent, after a delay if asked.',
      },
    ],
  },
  lantern: {
    title: 'Lantern',
    releases: [{ version: 'v0.4.0', channels: ['alpha', 'early-access'], text: 'Shows which nodes are awake.' }],
  },
}

function documentation(module: string, { title }: Module, { version, text }: Release): readonly TarEntry[] {
  return [
    directory('docs'),
    file('docs/README.md', `---\ntitle: ${title}\n---\n\n${text}\n\nThis is ${version}.\n`),
    file('docs/CONFIGURATION.md', `---\ntitle: ${title}: settings\n---\n\nThere is one: how loud it is.\n`),
    directory('openapi'),
    file('openapi/config-values.yaml', 'type: object\nproperties:\n  level:\n    type: integer\n    default: 1\n'),
    directory('crds'),
    file('crds/none.yaml', '# This module defines no resources.\n'),
    file('module.yaml', `name: ${module}\nweight: 900\nstage: Experimental\n`),
    // What is no documentation stays out of the archive.
    file('templates/deployment.yaml', 'kind: Deployment\n'),
  ]
}

async function publish(folder: string): Promise<void> {
  const shelf = layoutShelf(folder)
  const image = async (entries: readonly TarEntry[]) => imageOf([await layerOf(entries)])
  for (const [name, module] of Object.entries(modules)) {
    for (const release of module.releases) {
      const { version, channels } = release
      await shelf.put(`modules/${name}`, version, await image(documentation(name, module, release)))
      const about = await image([
        file('version.json', JSON.stringify({ version })),
        file('module.yaml', `name: ${name}\nweight: 900\n`),
      ])
      for (const channel of channels) await shelf.put(`modules/${name}/release`, channel, about)
    }
    await shelf.put('modules', name, await image([file('name', 'a module\n')]))
  }
}

export async function main(): Promise<number> {
  const folder = join(example, 'registry')
  rmSync(folder, { recursive: true, force: true })
  await publish(folder)
  // Laid out so that a person can move a tag by hand.
  for (const file of globSync('**/index.json', { cwd: folder })) {
    const { schemaVersion, manifests } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as LayoutIndex
    writeFileSync(join(folder, file), `${JSON.stringify({ schemaVersion, manifests }, null, 2)}\n`)
  }
  return 0
}

interface LayoutIndex {
  readonly schemaVersion: number
  readonly manifests: readonly object[]
}
