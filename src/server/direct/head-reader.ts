/**
 * Finds the heads of direct requests in the bytes of one connection. Clients send the same lines each time: what is
 * byte for byte as in the request before, but for the digits of Content-Length, is not read again.
 */
import type { Bound } from './bound.ts'
import { readBlock, readLength, readLine, type Block } from './head.ts'
import type { Found, Table } from './table.ts'

export interface Head {
  readonly found: Found<Bound>
  readonly block: Block
  /** Of the head itself, and of the body after it. */
  readonly size: number
  readonly length: number
}

export interface HeadReader {
  /** `odd`: not one of ours, or not plainly so. `part`: it may become one. */
  read(bytes: Buffer, at: number): Head | 'odd' | 'part'
}

/** Longer ones are rare, and node's. */
const mostHead = 8192
const CR = 0x0d

export function createHeadReader(table: Table<Bound>): HeadReader {
  /** The request line before, with its CRLF. */
  let line = ''
  let found: Found<Bound> | null = null
  let block: Block | null = null
  /** Its bytes. */
  let known: Buffer = Buffer.alloc(0)
  let head: Head | null = null

  /** Where the line ends; 0: it is not one of ours, or not yet. */
  function readFirst(bytes: Buffer, at: number): number {
    const same = line !== '' && bytes.toString('latin1', at, at + line.length) === line
    if (same) return at + line.length
    const end = bytes.indexOf(CR, at) + 2
    if (end < 2 || end > bytes.length || end - at > mostHead) return 0
    const text = bytes.toString('latin1', at, end)
    const asked = readLine(text)
    const meant = asked === null ? null : table.find(asked.method, asked.path)
    if (meant === null) return 0
    line = text
    found = meant
    return end
  }

  /** Length of the body, where only that differs from the block before; else -1. */
  function readSame(bytes: Buffer, at: number): number {
    if (block === null) return -1
    const size = known.length
    if (bytes.length - at >= size && bytes.compare(known, 0, size, at, at + size) === 0) return block.length
    const { from, to } = block.digits
    if (to === 0 || bytes.length - at < from || bytes.compare(known, 0, from, at, at + from) !== 0) return -1
    const end = bytes.indexOf(CR, at + from)
    const rest = size - to
    if (end === -1 || end + rest > bytes.length) return -1
    const length = end - at - from > 9 ? null : readLength(bytes.toString('latin1', at + from, end))
    return length !== null && bytes.compare(known, to, size, end, end + rest) === 0 ? length : -1
  }

  /** Size of the block, where it is new to us; 0: it is odd or not whole. */
  function readNew(bytes: Buffer, at: number): number {
    // From the line's own CRLF on: there may be no header at all.
    const end = bytes.indexOf('\r\n\r\n', at - 2, 'latin1') + 4
    if (end < 4 || end - at > mostHead) return 0
    const read = readBlock(bytes.toString('latin1', at, end))
    if (read === null) return 0
    block = read
    known = Buffer.from(bytes.subarray(at, end))
    return end - at
  }

  function make(size: number, length: number): Head | 'odd' {
    const { of } = found!
    if (length > of.mostBytes || (length > 0 && !of.takes(block!.contentType))) return 'odd'
    head = { found: found!, block: block!, size, length }
    return head
  }

  /** Whether what is there of a head may go on to be one of ours. */
  function mayGoOn(bytes: Buffer, at: number): boolean {
    if (bytes.length - at > mostHead) return false
    const text = bytes.toString('latin1', at)
    const end = text.indexOf('\r\n')
    if (/(?:^|[^\r])\n|\r[^\n]|\r\n\r\n/.test(text)) return false
    if (end === -1) return table.mayBegin(text)
    const asked = readLine(text.slice(0, end + 2))
    return asked !== null && table.find(asked.method, asked.path) !== null
  }

  return {
    read(bytes, at) {
      const blockAt = readFirst(bytes, at)
      if (blockAt === 0) return mayGoOn(bytes, at) ? 'part' : 'odd'
      const length = readSame(bytes, blockAt)
      if (length === -1) {
        const size = readNew(bytes, blockAt)
        if (size === 0) return mayGoOn(bytes, at) ? 'part' : 'odd'
        return make(blockAt - at + size, block!.length)
      }
      if (head !== null && head.found === found && head.block === block && head.length === length) return head
      const { from, to } = block!.digits
      const digits = to === 0 ? 0 : String(length).length - (to - from)
      return make(blockAt - at + known.length + digits, length)
    },
  }
}
