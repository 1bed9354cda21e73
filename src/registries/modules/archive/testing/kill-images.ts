/** The images that a process makes while it is killed again and again: the same in every process. */
import { createHash } from 'node:crypto'
import { file, hardLink, image, symlink, whiteout, type TestImage } from './layers.ts'

/** Bytes that gzip cannot make small, the same each time. */
function noise(seed: string, size: number): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < size; at += 32) pieces.push(createHash('sha256').update(`${seed} ${at}`).digest())
  return Buffer.concat(pieces).subarray(0, size)
}

/** Neighbours share layers; each has links that make its layers be read twice. */
export function killImages(count: number): Promise<TestImage[]> {
  const images = Array.from({ length: count }, (_, n) =>
    image([
      [file('docs/base', noise(`base ${n >> 1}`, 60_000)), file(`bin/tool`, noise('tool', 20_000)), file('docs/x')],
      [file('docs/a', noise(`a ${n}`, 300_000)), hardLink('docs/hard', 'docs/a'), whiteout('docs/x')],
      [symlink('docs/tool', '../bin/tool'), file('module.yaml', `name: m${n}`)],
    ]),
  )
  return Promise.all(images)
}
