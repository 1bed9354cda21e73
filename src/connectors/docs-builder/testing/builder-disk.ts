/** What a docs-builder has on its disk, and what uploads, deletes and builds do to it. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, type Header } from 'tar-stream'

/** Of one module and channel: the files by where they lie, their SHA-256 as value. */
export interface Folder {
  readonly dirs: Set<string>
  readonly files: Map<string, string>
  /** Some file holds the text that no site can be built with. */
  spoilt: boolean
}

/** What the last build showed of one module and channel. */
export interface Shown {
  /** null: channels.yaml says nothing of it; it was left by an upload that broke off. */
  readonly version: string | null
  readonly files: ReadonlyMap<string, string>
}

export interface Disk {
  /** channels.yaml; null: there is none yet. */
  channels: Map<string, Map<string, string>> | null
  /** By `module/channel`. */
  readonly folders: Map<string, Folder>
  /** The site; null: not built yet. */
  shown: ReadonlyMap<string, Shown> | null
}

/** A page with this text in it makes the site generator fail, naming its module. */
export const spoiling = '{{< no-such-shortcode >}}'

/** The upload breaks here: nothing is undone. */
export class Refusal extends Error {}

export function createDisk(): Disk {
  return { channels: null, folders: new Map(), shown: null }
}

export async function upload(
  disk: Disk,
  { module, version, channels }: { module: string; version: string; channels: readonly string[] },
  body: Readable,
): Promise<void> {
  const folders = channels.map((channel): Folder => {
    const folder: Folder = { dirs: new Set(), files: new Map(), spoilt: false }
    disk.folders.set(`${module}/${channel}`, folder)
    return folder
  })
  // Removed first: whatever happens from here on, the old documentation is gone.
  const tar = extract()
  const write = (headers: Header, text: Buffer) => {
    for (const folder of folders) writeEntry(folder, headers, text)
  }
  const reading = (async () => {
    for await (const entry of tar) {
      const chunks: Buffer[] = []
      for await (const chunk of entry as unknown as AsyncIterable<Buffer>) chunks.push(chunk)
      write(entry.header, Buffer.concat(chunks))
    }
  })()
  reading.catch((thrown: unknown) => tar.destroy(thrown as Error))
  await Promise.all([pipeline(body, tar), reading])
  disk.channels ??= new Map()
  const versions = disk.channels.get(module) ?? new Map<string, string>()
  for (const channel of channels) versions.set(channel, version)
  disk.channels.set(module, versions)
}

function writeEntry(folder: Folder, { name, type }: Header, text: Buffer): void {
  if (name.includes('..')) throw new Refusal(`${name} leads out`)
  const isDirectory = type === 'directory'
  if (!isDirectory && type !== 'file') throw new Refusal(`${name} is a ${type}`)
  const place = placeOf(name.replace(/\/$/, ''), isDirectory)
  if (place === null) return
  if (isDirectory) return void folder.dirs.add(place)
  const parent = posix.dirname(place)
  if (parent !== 'data' && !folder.dirs.has(parent)) throw new Refusal(`there is no folder for ${name}`)
  folder.files.set(place, createHash('sha256').update(text).digest('hex'))
  folder.spoilt ||= text.includes(spoiling)
}

/** Where an entry lies; null: it is skipped. */
function placeOf(name: string, isDirectory: boolean): string | null {
  if (name === 'docs' || name.startsWith('docs/')) {
    return posix.join('content', name.slice(4)).replace(/_RU\.md$/, '.ru.md')
  }
  if (name === 'crds' || name.startsWith('crds/')) return posix.join('data', name)
  if (isDirectory) return name === 'openapi' || name === 'openapi/conversions' ? posix.join('data', name) : null
  const taken = /^(module\.yaml|oss\.yaml|openapi\/((doc-.*-)?config-values\.yaml|conversions\/v\d+\.yaml))$/
  return taken.test(name) ? posix.join('data', name) : null
}

export function remove(disk: Disk, module: string, channels: readonly string[]): void {
  const versions = disk.channels?.get(module)
  for (const channel of channels) {
    disk.folders.delete(`${module}/${channel}`)
    versions?.delete(channel)
  }
  if (versions?.size === 0) disk.channels!.delete(module)
}

/** Drops whole modules that the site cannot be built with, without a word, and shows the rest. */
export function build(disk: Disk, spoilt: (module: string, version: string | null) => boolean): void {
  const versionOf = (key: string) => {
    const [module = '', channel = ''] = key.split('/')
    return disk.channels?.get(module)?.get(channel) ?? null
  }
  for (const [key, folder] of disk.folders) {
    const [module = ''] = key.split('/')
    if (!folder.spoilt && !spoilt(module, versionOf(key))) continue
    for (const other of disk.folders.keys()) if (other.startsWith(`${module}/`)) disk.folders.delete(other)
    disk.channels?.delete(module)
  }
  const shown = [...disk.folders].map(([key, { files }]): [string, Shown] => [
    key,
    { version: versionOf(key), files: new Map(files) },
  ])
  disk.shown = new Map(shown)
}
