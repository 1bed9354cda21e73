/** What the tests of this folder share: a copy in a scratch folder, and what became of it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileContent } from '../../../../tests/parts/git-remote.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createGitRepository, type CommitView, type GitOptions } from '../repository.ts'

export const never = new AbortController().signal
export const files = (given: Record<string, FileContent>) => new Map(Object.entries(given))

export function scratch(): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'regista-git-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

export function open(
  url: string,
  folder: string,
  more: Partial<GitOptions['remote']> = {},
  options: Partial<GitOptions> = {},
) {
  const remote = { url, ref: null, ...more }
  const repository = createGitRepository({
    remote,
    folder: join(folder, 'copy'),
    clock: systemClock,
    env: process.env,
    ...options,
  })
  const read = async <T>(work: (view: CommitView) => Promise<T>, signal = never) =>
    (await repository.read({ known: () => false, work }, signal))!
  return {
    ...repository,
    /** Name → content of a folder. */
    contents: (path = '') =>
      read(async (view) => {
        const items = (await view.tree(path)) ?? assert.fail(`no folder ${path}`)
        const texts = new Map<string, string>()
        const blobs = items.filter(({ kind }) => kind === 'file')
        await view.blobs(
          blobs.map(({ id }) => id),
          (id, bytes) => void texts.set(id, bytes.toString()),
        )
        return Object.fromEntries(blobs.map(({ name, id }) => [name, texts.get(id)]))
      }),
    view: (signal?: AbortSignal) => read((view) => Promise.resolve(view), signal),
  }
}

export async function failureOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof AppError, String(thrown))
  assert.equal(thrown.code, 'source.unavailable')
  return thrown.detail
}

/** Every process with the text in its command line. */
export function processes(text: string): { pid: number; line: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return line.includes(text) ? [{ pid: Number(pid), line }] : []
    } catch {
      return []
    }
  })
}

export const processesWith = (text: string) => processes(text).map(({ line }) => line)
