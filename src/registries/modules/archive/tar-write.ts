/**
 * Headers of the archives that builders take. Written here, as the bytes are what an archive is known by: nothing
 * about them may change with a library. POSIX ustar; names that it cannot hold stand in a PAX header before.
 */

const block = 512

export type EntryKind = 'directory' | 'file'

/** All that builders look at: they mask modes with 0700, and what cannot be read breaks their build. */
const kinds = {
  directory: { mode: 0o700, flag: '5' },
  file: { mode: 0o600, flag: '0' },
} as const

export function headerOf(kind: EntryKind, path: string, size = 0): Buffer {
  const { mode, flag } = kinds[kind]
  const name = Buffer.from(path)
  // Only ASCII is the same to all readers of a plain header.
  if (name.length <= 100 && /^[\x20-\x7e]*$/.test(path)) return headerBlock(name, mode, flag, size)
  const extended = Buffer.from(paxRecord('path', path))
  return Buffer.concat([
    headerBlock(Buffer.from('PaxHeader'), 0o600, 'x', extended.length),
    extended,
    paddingOf(extended.length),
    headerBlock(name.subarray(0, 100), mode, flag, size),
  ])
}

/** Behind a content of `size` bytes. */
export function paddingOf(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block)
}

/** The end of an archive. */
export const trailer: Buffer = Buffer.alloc(2 * block)

function headerBlock(name: Buffer, mode: number, flag: string, size: number): Buffer {
  const header = Buffer.alloc(block)
  name.copy(header, 0)
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(size, 11), 124)
  header.write(octal(0, 11), 136)
  header.write(flag, 156)
  header.write('ustar\x0000', 257)
  header.write(octal(0, 7), 329)
  header.write(octal(0, 7), 337)
  // The sum is taken with its own field as spaces.
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148)
  return header
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length > length) length++
  return `${length} ${key}=${value}\n`
}
