/**
 * What of a layer can matter to an archive, on disk: its wanted files, and everything that can hide lower ones.
 * Records in the order of the layer, each a line of JSON, a file's content behind its line; the last says that it is
 * whole. Read by position, so that content which is not needed is stepped over.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Sink } from './sink.ts'

/** Paths are clean. Several records of one path: the last one counts, as when the layer is unpacked. */
export type Fact =
  | { readonly is: 'file'; readonly path: string; readonly size: number }
  /** A regular file whose content was not kept. */
  | { readonly is: 'unread'; readonly path: string }
  /** A hard link: the same file as what stands at `to` when the layer is unpacked. */
  | { readonly is: 'link'; readonly path: string; readonly to: string }
  /** `to` as the link has it. */
  | { readonly is: 'symlink'; readonly path: string; readonly to: string }
  /** A device, a pipe: nothing that can be shipped. */
  | { readonly is: 'other'; readonly path: string }
  | { readonly is: 'directory'; readonly path: string }
  /** Hides what lower layers have at the path and below it. */
  | { readonly is: 'whiteout'; readonly path: string }
  /** Hides what lower layers have below the path. */
  | { readonly is: 'opaque'; readonly path: string }

interface End {
  readonly is: 'end'
  readonly unfit: number
}

export interface Slice {
  readonly handle: FileHandle
  readonly size: number
  /** Files left out of it for their names. */
  readonly unfit: number
}

/** A fact, and for a file where in the slice its content begins. */
export type Found = readonly [Fact, number]

export const lineOf = (record: Fact | End): Buffer => Buffer.from(`${JSON.stringify(record)}\n`)

/** Ends a slice: without this it is not believed. */
export async function endSlice(sink: Sink, unfit: number): Promise<void> {
  await sink.write(lineOf({ is: 'end', unfit }))
}

const longestEnd = 64

/** null: not a whole slice. */
export async function readSlice(handle: FileHandle): Promise<Slice | null> {
  const { size } = await handle.stat()
  const tail = Buffer.alloc(Math.min(size, longestEnd))
  await handle.read(tail, 0, tail.length, size - tail.length)
  const match = /\{"is":"end","unfit":(\d+)\}\n$/.exec(tail.toString('latin1'))
  return match ? { handle, size, unfit: Number(match[1]) } : null
}

const window = 64 * 1024
/** A path and a link's target, in JSON at its worst. */
const longestLine = 64 * 1024

/** The facts of a slice, in order. A whole window's worth at a time: one await for many. */
export async function* factsOf(slice: Slice): AsyncGenerator<Found[]> {
  const buffer = Buffer.allocUnsafe(window + longestLine)
  for (let at = 0; at < slice.size;) {
    const { bytesRead } = await slice.handle.read(buffer, 0, buffer.length, at)
    const { found, next, ended } = takeLines(buffer.subarray(0, bytesRead), at)
    yield found
    if (ended) return
    if (next === at) break
    at = next
  }
  throw new Error('slice of a layer is damaged')
}

function takeLines(bytes: Buffer, start: number): { found: Found[]; next: number; ended: boolean } {
  const found: Found[] = []
  let from = 0
  while (from < bytes.length) {
    const end = bytes.indexOf(10, from)
    if (end === -1) break
    const record = JSON.parse(bytes.toString('utf8', from, end)) as Fact | End
    from = end + 1
    if (record.is === 'end') return { found, next: start + from, ended: true }
    found.push([record, start + from])
    if (record.is === 'file') from += record.size
  }
  return { found, next: start + from, ended: false }
}
