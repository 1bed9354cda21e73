/** A guide of docs/ as its tests read it. */
import assert from 'node:assert/strict'
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

export interface ShellOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Programs of this checkout, and what each is given after its own arguments. */
  readonly programs?: Readonly<Record<string, string>>
}

/** Both streams of a block of commands, whatever they end with; the commands are those of this checkout. */
export function guideShell(
  folder: string,
  { env: more = {}, programs = { regista: '' } }: ShellOptions = {},
): (script: string) => Promise<string> {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, last] of Object.entries(programs)) {
    const launcher = resolve(import.meta.dirname, `../../bin/${name}.js`)
    writeFileSync(join(bin, name), `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@" ${last}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder, ...more }
  return (script) =>
    new Promise((done) => {
      execFile('sh', ['-c', script], { cwd: folder, env, timeout: 100_000 }, (_, stdout, stderr) =>
        done(stdout + stderr),
      )
    })
}

/**
 * Sends the requests of its `http` blocks, curl's lines, to a server in the place of the guide's; how many those were.
 * `isFault` tells of an answer that says it failed though its status does not.
 */
export async function sendRequests(
  blocks: Guide['blocks'],
  urlOf: (path: string) => string,
  isFault: (text: string) => boolean = () => false,
): Promise<number> {
  const lines = blocks.filter(({ language }) => language === 'http').flatMap(({ text }) => text.trim().split('\n'))
  for (const line of lines) {
    const [, path] = /'http:\/\/localhost:8080(\/[^']*)'/.exec(line) ?? assert.fail(line)
    const [, method = 'GET'] = /-X (\w+)/.exec(line) ?? []
    const [, body] = /-d '([^']*)'$/.exec(line) ?? []
    const json = { headers: { 'content-type': 'application/json' }, body: body ?? '{}' }
    const reply = await fetch(urlOf(path!), { method, ...(method !== 'GET' && json) })
    const said = isStream(reply) ? await reply.body!.cancel().then(() => '') : await reply.text()
    assert.ok(reply.ok && !isFault(said), `${line}: ${reply.status} ${said}`)
  }
  return lines.length
}

/** Its answer has no end. */
function isStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true
}
