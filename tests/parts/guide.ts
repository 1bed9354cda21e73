/** A guide of docs/ as its tests read it. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** Both streams of a block of commands, whatever they end with; the commands are those of this checkout. */
export function guideShell(folder: string): (script: string) => Promise<string> {
  const bin = join(folder, 'bin')
  const launcher = resolve(import.meta.dirname, '../../bin/regista.js')
  mkdirSync(bin)
  writeFileSync(join(bin, 'regista'), `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`)
  chmodSync(join(bin, 'regista'), 0o755)
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder }
  return (script) =>
    new Promise((done) => {
      execFile('sh', ['-c', script], { cwd: folder, env, timeout: 60_000 }, (_, stdout, stderr) =>
        done(stdout + stderr),
      )
    })
}
