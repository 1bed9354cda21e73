/** Reads an archive as its builders do, block by block, and throws at whatever they, or POSIX, would not take. */
import assert from 'node:assert/strict'

export interface StrictEntry {
  readonly name: string
  readonly isFolder: boolean
  readonly content: Buffer
}

const zeros = Buffer.alloc(512)

export function readStrictly(tar: Buffer): StrictEntry[] {
  assert.equal(tar.length % 512, 0, 'whole blocks')
  const entries: StrictEntry[] = []
  const folders = new Set([''])
  const names = new Set<string>()
  let long: string | null = null
  let at = 0
  for (; !tar.subarray(at, at + 512).equals(zeros);) {
    const header = tar.subarray(at, at + 512)
    const { flag, size } = checkHeader(header)
    const content = tar.subarray(at + 512, at + 512 + size)
    const padding = (512 - (size % 512)) % 512
    assert.ok(tar.subarray(at + 512 + size, at + 512 + size + padding).equals(zeros.subarray(0, padding)), 'padding')
    at += 512 + size + padding
    if (flag === 'x') {
      assert.equal(long, null)
      long = paxPath(content)
      continue
    }
    const name = long ?? text(header, 0, 100)
    long = null
    const isFolder = flag === '5'
    assert.ok(isFolder || flag === '0', `${name}: neither file nor folder`)
    assert.ok(!name.includes('..') && !name.startsWith('/') && !name.endsWith('/'), name)
    assert.ok(!names.has(name), `${name} twice`)
    assert.ok(folders.has(name.slice(0, Math.max(0, name.lastIndexOf('/')))), `no folder for ${name}`)
    if (isFolder) folders.add(name)
    names.add(name)
    entries.push({ name, isFolder, content })
  }
  assert.ok(tar.subarray(at).equals(Buffer.alloc(1024)), 'two blocks of zeros, and nothing behind')
  return entries
}

function checkHeader(header: Buffer): { flag: string; size: number } {
  const number = (from: number, length: number) => Number.parseInt(text(header, from, length), 8)
  const unsigned = Buffer.from(header)
  unsigned.fill(' ', 148, 156)
  assert.equal(
    number(148, 8),
    unsigned.reduce((sum, byte) => sum + byte, 0),
    'checksum',
  )
  assert.equal(header.toString('latin1', 257, 265), 'ustar\x0000')
  const flag = header.toString('latin1', 156, 157)
  assert.deepEqual([number(108, 8), number(116, 8), number(136, 12)], [0, 0, 0], 'owner, group, time')
  assert.equal(number(100, 8), flag === '5' ? 0o700 : 0o600, 'mode')
  return { flag, size: number(124, 12) }
}

function text(header: Buffer, from: number, length: number): string {
  const field = header.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? length : end)
}

function paxPath(content: Buffer): string {
  const match = /^(\d+) path=(.+)\n$/s.exec(content.toString())
  assert.equal(Number(match?.[1]), content.length, 'one record, of the length that it says')
  return match![2]!
}
