/** What the tests of plain Git as a forge share. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { systemClock } from '../../../kernel/clock.ts'
import type { CommitDraft, Forge } from '../../forge/forge.ts'
import { createGitForge, type GitForgeOptions } from '../forge.ts'
import { never } from './opened.ts'

type More = Partial<Omit<GitForgeOptions, 'remote'>> & { readonly remote?: Partial<GitForgeOptions['remote']> }

export function forgeAt(url: string, folder: string, { remote, ...more }: More = {}): Forge {
  return createGitForge({
    remote: { url, ...remote },
    folder: join(folder, 'copy'),
    clock: systemClock,
    env: process.env,
    ...more,
  })
}

export const draft = (parent: string, given: Record<string, string | null>, message = 'work'): CommitDraft => ({
  parent,
  message,
  files: new Map(Object.entries(given).map(([path, text]) => [path, text === null ? null : Buffer.from(text)])),
})

export async function textAt(forge: Forge, commit: string, path: string): Promise<string | null> {
  const found = await forge.read(commit, path, never)
  return found.is === 'file' ? found.bytes.toString() : null
}

export async function troubleOf(work: Promise<unknown>): Promise<{ code: string; why: unknown; detail: string }> {
  const thrown = (await work.then(
    (value) => assert.fail(`it did not fail: ${String(value)}`),
    (error: unknown) => error,
  )) as { code: string; detail: string; data: Record<string, unknown> }
  return { code: thrown.code, why: thrown.data['why'], detail: thrown.detail }
}
