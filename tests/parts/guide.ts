/** A guide of docs/ as its tests read it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface Block {
  readonly language: string
  /** A word after the language; '': none. */
  readonly how: string
  readonly text: string
}

export interface Guide {
  readonly text: string
  readonly blocks: readonly Block[]
}

export function readGuide(name: string): Guide {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs', name), 'utf8')
  const found = text.matchAll(/^```(\w+) ?([\w-]*)\n([^]*?)^```$/gm)
  return {
    text,
    blocks: [...found].map(([, language, how, body]) => ({ language: language!, how: how!, text: body! })),
  }
}

export interface GuideFolder extends Disposable {
  readonly folder: string
  path(...parts: readonly string[]): string
}

/** Where its files are put. */
export function guideFolder(): GuideFolder {
  const folder = mkdtempSync(join(tmpdir(), 'regista-guide-'))
  return {
    folder,
    path: (...parts) => join(folder, ...parts),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
