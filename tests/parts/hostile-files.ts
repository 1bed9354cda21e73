/** Files in a folder of manifests that no program should stumble over, each for a reason of its own. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

export interface HostileFiles extends AsyncDisposable {
  /** As messages show them; a pair with one identifier counts as two. */
  readonly names: readonly string[]
}

type Make = (path: string, name: string) => void

const text =
  (content: (id: string) => string | Buffer): Make =>
  (path, name) =>
    writeFileSync(path, content(name.replace(/\.yaml$/, '')))
const manifest = (id: string, more = '') => `metadata: {dc_identifier: ${id}${more}}\nchora_service:\n`

/** Sockets and pairs are made apart. */
const kinds: Readonly<Record<string, Make>> = {
  'dangling': (path) => symlinkSync('nowhere', path),
  'circle': (path, name) => symlinkSync(name, path),
  'folder': (path) => mkdirSync(path),
  'pipe': (path) => execFileSync('mkfifo', [path]),
  'device': (path) => symlinkSync('/dev/zero', path),
  // Opens like any file; reading it is an error, for root, too.
  'unreadable': (path) => symlinkSync('/proc/self/mem', path),
  'huge'(path) {
    writeFileSync(path, '')
    truncateSync(path, 50_000_000)
  },
  'half': text((id) => manifest(id).slice(0, 20)),
  'latin': text((id) => Buffer.from(manifest(id, ', t: é'), 'latin1')),
  'utf16': text((id) => Buffer.from(`\ufeff${manifest(id)}`, 'utf16le')),
  'nul': text(() => Buffer.alloc(4096)),
  'empty': text(() => ''),
  'tag': text((id) => `!!python/object:os.system ${manifest(id)}`),
  'deep': text(() => `metadata: ${'['.repeat(100_000)}\n`),
  'bomb': text((id) => `${bomb}${manifest(id, ', x: *i')}`),
  'date': text((id) => manifest(id, ', when: 2025-11-15')),
  'nameless': text(() => 'metadata: {dc_title: x}\nchora_service:\n'),
  'typeless': text((id) => `metadata: {dc_identifier: ${id}}\n`),
  'new\nline': text(() => 'metadata: [\n'),
}

const levels = 'abcdefghi'.split('')
/** Nine levels of nine: 387 million items when written out. */
const bomb = levels
  .map((name, at) => `${name}: &${name} [${(at === 0 ? 'x, ' : `*${levels[at - 1]}, `).repeat(9)}]\n`)
  .join('')

/** Exactly `count` files, of as many kinds as there is room for, whose names all begin with `chora.bad.`. */
export async function writeHostileFiles(folder: string, count: number): Promise<HostileFiles> {
  const names: string[] = []
  const sockets: ReturnType<typeof createServer>[] = []
  const named = (kind: string) => {
    const name = `chora.bad.${String(names.length).padStart(3, '0')}.${kind}.yaml`
    names.push(name)
    return name
  }
  const rest = Object.entries(kinds)
  while (names.length < count) {
    const at = names.length % (rest.length + 3)
    const [kind, make] = rest[at] ?? [null, null]
    if (kind !== null) {
      const name = named(kind)
      make(join(folder, name), name)
    } else if (at === rest.length && names.length + 2 <= count) {
      const id = `chora.bad.twin.${names.length}`
      for (const side of ['left', 'right']) writeFileSync(join(folder, named(side)), manifest(id))
    } else {
      const server = createServer()
      sockets.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(join(folder, named('socket')), resolve)
      })
    }
  }
  return {
    names: names.map((name) => name.replaceAll('\n', '\\n')),
    async [Symbol.asyncDispose]() {
      await Promise.all(sockets.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
