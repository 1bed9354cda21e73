/** What people do in a repository while a forge is at work in it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GitOrigin } from '../../../../tests/parts/git-remote.ts'

const somebody = ['-c', 'user.name=Some Body', '-c', 'user.email=somebody@example.org'] as const

/** A file onto a branch that exists, all else left as it is; the new head. */
export function pushFile(origin: GitOrigin, branch: string, path: string, text: string): string {
  const scratch = mkdtempSync(join(tmpdir(), 'regista-push-'))
  try {
    writeFileSync(join(scratch, 'content'), text)
    const blob = origin.git('hash-object', '-w', '--no-filters', join(scratch, 'content'))
    origin.git('read-tree', `refs/heads/${branch}`)
    origin.git('update-index', '--add', '--cacheinfo', `100644,${blob},${path}`)
    return commitIndex(origin, branch, ['-p', `refs/heads/${branch}`], `a change by hand of ${path}`)
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** One branch into another that it can be merged into; the new head. */
export function mergeBranch(origin: GitOrigin, from: string, into: string): string {
  const [ours, theirs] = [`refs/heads/${into}`, `refs/heads/${from}`]
  const base = origin.git('merge-base', ours, theirs)
  origin.git('read-tree', '--empty')
  origin.git('read-tree', '-i', '-m', '--aggressive', base, ours, theirs)
  return commitIndex(origin, into, ['-p', ours, '-p', theirs], `merge ${from}`)
}

function commitIndex(origin: GitOrigin, branch: string, parents: readonly string[], message: string): string {
  const commit = origin.git(...somebody, 'commit-tree', '-m', message, ...parents, origin.git('write-tree'))
  origin.git('update-ref', `refs/heads/${branch}`, commit)
  return commit
}
