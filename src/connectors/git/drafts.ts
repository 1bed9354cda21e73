/** A commit without a work tree: as `git fast-import` reads it, one process whatever the number of files. */
import type { CommitDraft } from '../forge/forge.ts'
import type { Instant } from '../../kernel/clock.ts'
import type { TreeRow } from './objects.ts'

export interface Person {
  readonly name: string
  readonly email: string
}

export interface ImportOf {
  readonly draft: CommitDraft
  /** What its paths are in the parent, by whole path. */
  readonly rows: ReadonlyMap<string, TreeRow>
  readonly committer: Person
  readonly at: Instant
  /** Where the commit is held from then on. */
  readonly ref: string
}

/** Its output is the id of the commit, on one line. */
export function importOf({ draft, rows, committer, at, ref }: ImportOf): Buffer {
  const { author = committer, message, parent, files } = draft
  const seconds = Math.floor(at / 1000)
  const pieces: Buffer[] = []
  const say = (text: string) => void pieces.push(Buffer.from(text))
  const data = (bytes: Buffer) => void pieces.push(Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n'))
  say(`commit ${ref}\nmark :1\n`)
  say(`author ${personOf(author)} ${seconds} +0000\ncommitter ${personOf(committer)} ${seconds} +0000\n`)
  data(Buffer.from(message.endsWith('\n') ? message : `${message}\n`))
  say(`from ${parent}\n`)
  for (const [path, bytes] of files) {
    if (bytes === null) say(`D ${quotedPath(path)}\n`)
    else {
      say(`M ${rows.get(path)?.mode ?? '100644'} inline ${quotedPath(path)}\n`)
      data(bytes)
    }
  }
  say('\nget-mark :1\ndone\n')
  return Buffer.concat(pieces)
}

/** The folders above a path, the outermost first, and the path itself. */
export function stepsTo(path: string): readonly string[] {
  const names = path.split('/')
  return names.map((_, at) => names.slice(0, at + 1).join('/'))
}

/** What git itself takes for the path of a file. */
export function isFilePath(path: string): boolean {
  const names = path.split('/')
  return !path.includes('\0') && names.every((name) => name !== '' && !/^(?:\.{1,2}|\.git)$/i.test(name))
}

/** Angle brackets and line ends would end the field. */
function personOf({ name, email }: Person): string {
  const clean = (text: string) => text.replace(/[<>\0-\x1f]/g, ' ').trim()
  return `${clean(name)} <${clean(email)}>`
}

function quotedPath(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}
