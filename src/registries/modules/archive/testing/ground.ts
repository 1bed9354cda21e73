import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../../kernel/clock.ts'
import { createArchives, type Archives, type ArchivesOptions } from '../archives.ts'
import { readTar } from '../tar-read.ts'
import type { TestImage } from './layers.ts'

export interface Ground extends Disposable {
  readonly folder: string
  readonly archives: Archives
  /** Makes the archive and tells what is in it: content by path, null for a directory. */
  made(image: TestImage, compat?: boolean): Promise<Map<string, string | null>>
}

export const { signal } = new AbortController()

export function ground(options: Partial<ArchivesOptions> = {}): Ground {
  const folder = mkdtempSync(join(tmpdir(), 'regista-archives-'))
  const archives = createArchives({ folder, clock: systemClock, ...options })
  return {
    folder,
    archives,
    async made(image, compat = false) {
      const { digest } = await archives.make({ layers: image.layers, blob: image.blob, compat }, signal)
      return contentOf(await archives.open(digest))
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function contentOf(tar: AsyncIterable<Buffer>): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>()
  await readTar(tar, async (entry) => {
    const pieces: Buffer[] = []
    for await (const piece of entry) pieces.push(piece as Buffer)
    found.set(entry.header.name, entry.header.type === 'directory' ? null : Buffer.concat(pieces).toString())
  })
  return found
}

/** The files alone. */
export function filesOf(content: ReadonlyMap<string, string | null>): Record<string, string> {
  return Object.fromEntries([...content].flatMap(([path, text]) => (text === null ? [] : [[path, text]])))
}
