/** What git prints about objects, taken apart: `ls-tree -z --long`, `cat-file --batch`, `ls-remote`. */
import { BrokenRepository } from './failure.ts'

export interface TreeItem {
  /** Within its tree. Bytes that are no UTF-8 are shown as U+FFFD. */
  readonly name: string
  readonly kind: 'file' | 'link' | 'tree' | 'submodule'
  /** Of the blob or tree. */
  readonly id: string
  /** Bytes; 0 for what is no blob. */
  readonly size: number
}

/** As git writes it: 100755 is a program. */
export interface TreeRow extends TreeItem {
  readonly mode: string
}

const kinds: Readonly<Record<string, TreeItem['kind']>> = { '120000': 'link', '040000': 'tree', '160000': 'submodule' }

export function parseTree(bytes: Buffer): TreeRow[] {
  return bytes
    .toString('utf8')
    .split('\0')
    .filter((record) => record !== '')
    .map((record) => {
      const [, mode, id, size, name] = /^(\d{6}) [a-z]+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(record) ?? []
      if (mode === undefined) throw new BrokenRepository('git ls-tree printed something else')
      return { mode, name: name!, kind: kinds[mode] ?? 'file', id: id!, size: size === '-' ? 0 : Number(size) }
    })
}

/** Feeds on the output of `cat-file --batch`: tells each object that was asked for, in order. */
export function objectReader(onObject: (id: string, type: string, bytes: Buffer) => void): {
  take(piece: Buffer): void
  /** Throws when something is still to come. */
  end(): void
} {
  let gathered: Buffer[] = []
  let size = 0
  /** Bytes from which on another step is possible. */
  let enough = 1

  function step(bytes: Buffer): number {
    const line = bytes.indexOf(0x0a)
    if (line < 0) return 0
    const [, id, type, length] = /^([0-9a-f]+) ([a-z]+) (\d+)$/.exec(bytes.toString('latin1', 0, line)) ?? []
    if (id === undefined) throw new BrokenRepository(`git cat-file: ${bytes.toString('utf8', 0, line).slice(0, 200)}`)
    const end = line + 1 + Number(length)
    enough = end + 1
    if (bytes.length < enough) return 0
    onObject(id, type!, bytes.subarray(line + 1, end))
    return enough
  }

  return {
    take(piece) {
      gathered.push(piece)
      size += piece.length
      if (size < enough) return
      const bytes = gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered)
      let from = 0
      for (;;) {
        enough = 1
        const taken = step(bytes.subarray(from))
        if (taken === 0) break
        from += taken
      }
      const rest = bytes.subarray(from)
      gathered = [rest]
      size = rest.length
    },
    end() {
      if (size > 0) throw new BrokenRepository('git cat-file ended in the middle of an object')
    },
  }
}

/** Name → id, and the branch that HEAD stands for. */
export function parseRefs(text: string): { readonly ids: ReadonlyMap<string, string>; readonly head: string | null } {
  const ids = new Map<string, string>()
  let head: string | null = null
  for (const line of text.split('\n')) {
    const [left = '', name = ''] = line.split('\t')
    if (/^[0-9a-f]{40,64}$/.test(left)) ids.set(name, left)
    else if (left.startsWith('ref: ') && name === 'HEAD') head = left.slice('ref: '.length)
  }
  return { ids, head }
}
