/** Manifests sent through the API, as rows of the ledger. */
import type { Instant } from '../../kernel/clock.ts'
import { drop, put, type Fact, type Journal, type Stored } from '../../engine/journal.ts'
import { root, type Scope } from '../../engine/scope.ts'
import { entries } from '../../engine/tables.ts'
import { submissions, type SubmissionRow } from './tables.ts'

/** The scope of what was sent. Files are the scope `root`, and win. */
export const submitted: Scope = 'submitted'

/** What one item of a batch wants; `manifest` null: removed. */
export interface Wish {
  readonly id: string
  readonly manifest: string | null
}

export type Result =
  | { readonly status: 'created' | 'updated' | 'unchanged' | 'removed' | 'absent' }
  | { readonly status: 'conflict'; readonly code: 'owned-by-file' | 'changed-meanwhile'; readonly detail: string }

/** Facts of one commit. */
const together = 500
/** How often a commit that lost against another caller is tried anew. */
const tries = 4

/**
 * Writes what is wanted, at most `together` wishes in one commit, whole or not at all. The wishes name each
 * capability once. `dry`: only says what would become of them.
 */
export async function submit(
  journal: Journal,
  sync: string,
  wishes: readonly Wish[],
  { by, at, dry }: { readonly by: string; readonly at: Instant; readonly dry: boolean },
): Promise<Result[]> {
  const results: Result[] = []
  for (let from = 0; from < wishes.length; from += together) {
    results.push(...(await submitPart(wishes.slice(from, from + together))))
  }
  return results

  async function submitPart(part: readonly Wish[]): Promise<Result[]> {
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const known = await readKnown(journal, sync, part)
      const judged = part.map((wish) => judge(wish, known))
      const facts = part.flatMap((wish, index): Fact[] => {
        const { status } = judged[index]!
        if (status !== 'created' && status !== 'updated' && status !== 'removed') return []
        return [factOf(sync, wish, status, known.rows.get(wish.id) ?? null, by, at)]
      })
      if (dry || facts.length === 0) return judged
      const done = await journal.commit(facts, { atomic: true })
      if (!done.includes('conflict')) return judged
    }
    const detail = 'others keep changing what is in this batch; send it again'
    return part.map(() => ({ status: 'conflict', code: 'changed-meanwhile', detail }))
  }
}

interface Known {
  readonly rows: ReadonlyMap<string, Stored<SubmissionRow>>
  /** Identifier → the file that holds it. */
  readonly files: ReadonlyMap<string, string>
}

async function readKnown(journal: Journal, sync: string, wishes: readonly { readonly id: string }[]): Promise<Known> {
  const ids = wishes.map(({ id }) => id)
  const [rows, files] = await Promise.all([
    journal.select(submissions, { where: { sync, id: { in: ids } } }),
    filesOf(journal, sync, ids),
  ])
  return { rows: new Map(rows.map((row) => [row.id, row])), files }
}

/** Which of these the files of the sync hold, and in which of them. */
export async function filesOf(journal: Journal, sync: string, ids: readonly string[]): Promise<Map<string, string>> {
  const where = { sync, scope: root, key: { in: ids }, state: 'live' } as const
  const rows = ids.length === 0 ? [] : await journal.select(entries, { where, without: ['item'] })
  return new Map(rows.map((row) => [row.key, row.origin ?? '']))
}

function judge({ id, manifest }: Wish, { rows, files }: Known): Result {
  const row = rows.get(id)
  const live = row?.state === 'live' ? row : null
  const file = files.get(id)
  if (manifest === null && live !== null) return { status: 'removed' }
  if (file !== undefined) {
    return { status: 'conflict', code: 'owned-by-file', detail: `${id} is in the file ${file}; change it there` }
  }
  if (manifest === null) return { status: 'absent' }
  if (live === null) return { status: 'created' }
  return { status: live.manifest === manifest ? 'unchanged' : 'updated' }
}

function factOf(
  sync: string,
  { id, manifest }: Wish,
  status: 'created' | 'updated' | 'removed',
  known: Stored<SubmissionRow> | null,
  by: string,
  at: Instant,
): Fact {
  const row: SubmissionRow = { sync, id, state: manifest === null ? 'removed' : 'live', manifest, by, at }
  const event = { type: `submission.${status}`, sync, scope: submitted, key: id, actor: by }
  return put(submissions, row, event, known === null ? 'absent' : { seq: known.seq })
}

/**
 * A person let go of the scope, or of the whole sync, after these were sent: they must not come back when
 * submissions are taken again.
 */
export async function dropForgotten(journal: Journal, sync: string): Promise<void> {
  const since = Math.max(await lastOf('scope.forgotten'), await lastOf('sync.forgotten'))
  if (since === 0) return
  for (;;) {
    const where = { sync, seq: { atMost: since } }
    const rows = await journal.select(submissions, { where, limit: together })
    if (rows.length === 0) return
    const facts = rows.map(({ id, seq }) => {
      const event = { type: 'submission.forgotten', sync, scope: submitted, key: id, reason: 'forgotten' }
      return drop(submissions, { sync, id }, event, { seq })
    })
    await journal.commit(facts)
  }

  async function lastOf(type: string): Promise<number> {
    const found = await journal.events({ sync, type, last: true, limit: 20 })
    return found.find(({ scope }) => scope === undefined || scope === submitted)?.seq ?? 0
  }
}
