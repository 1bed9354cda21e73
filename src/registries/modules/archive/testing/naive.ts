/** What an image's files are, told the plain way: unpacks every layer into one map, whole, in memory. */
import type { Entry } from './layers.ts'

type Thing = { is: 'file'; content: string } | { is: 'symlink'; to: string } | { is: 'directory' } | { is: 'other' }
type Disk = Map<string, Thing>

const partsOf = (name: string) => name.split('/').filter((part) => part !== '' && part !== '.')
const isUnder = (path: string, folder: string) => folder === '' || path.startsWith(`${folder}/`)

export function flatten(layers: readonly (readonly Entry[])[]): Disk {
  let disk: Disk = new Map()
  for (const layer of layers) {
    const below = new Map(disk)
    // All whiteouts first: what they hide is in lower layers.
    for (const { name } of layer) {
      const parts = partsOf(name)
      const base = parts.at(-1) ?? ''
      const folder = parts.slice(0, -1).join('/')
      if (!base.startsWith('.wh.')) continue
      const hidden = [folder, base.slice(4)].filter((part) => part !== '').join('/')
      for (const path of below.keys()) {
        if (base === '.wh..wh..opq' ? isUnder(path, folder) : path === hidden || isUnder(path, hidden))
          below.delete(path)
      }
    }
    disk = below
    for (const entry of layer) unpack(disk, entry)
  }
  return disk
}

function unpack(disk: Disk, entry: Entry): void {
  const parts = partsOf(entry.name)
  const path = parts.join('/')
  if (parts.at(-1)!.startsWith('.wh.')) return
  for (let depth = 1; depth < parts.length; depth++) {
    const above = parts.slice(0, depth).join('/')
    if (disk.get(above)?.is !== 'directory') disk.set(above, { is: 'directory' })
  }
  if (entry.type === 'directory') {
    if (disk.get(path)?.is !== 'directory') disk.set(path, { is: 'directory' })
    return
  }
  const thing = thingOf(disk, entry)
  for (const other of disk.keys()) if (isUnder(other, path)) disk.delete(other)
  disk.set(path, thing)
}

function thingOf(disk: Disk, { type = 'file', content = '', linkname = '' }: Entry): Thing {
  if (type === 'file') return { is: 'file', content: String(content) }
  if (type === 'symlink') return { is: 'symlink', to: linkname }
  if (type !== 'link') return { is: 'other' }
  const target = disk.get(partsOf(linkname).join('/'))
  return target === undefined || target.is === 'directory' ? { is: 'other' } : target
}

/** The content of the regular file that a path stands for; null: none. */
export function read(disk: Disk, path: string, hops = 0): string | null {
  let at: string[] = []
  const todo = partsOf(path)
  while (todo.length > 0) {
    const part = todo.shift()!
    if (part === '..') {
      at.pop()
      continue
    }
    const thing = disk.get([...at, part].join('/'))
    if (thing === undefined || thing.is === 'other') return null
    if (thing.is === 'file') return todo.length === 0 ? thing.content : null
    if (thing.is === 'directory') at.push(part)
    else {
      if (hops > 40) return null
      if (thing.to.startsWith('/')) at = []
      return read(disk, [...at, thing.to, ...todo].join('/'), hops + 1)
    }
  }
  return null
}
