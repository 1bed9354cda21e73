/**
 * Manifests that were sent through the API, as a scope: every look is a delta that the ledger itself vouches
 * for, by positions, so that a removal counts at once and whether or not the files can be read.
 */
import type { Journal, Stored } from '../../engine/journal.ts'
import { moves } from '../../engine/moves.ts'
import type { Ask, Entry, Hint, Key, Look, Same, Trouble } from '../../engine/source.ts'
import { sha256 } from '../../kernel/digest.ts'
import { readManifest, type ManifestRules } from './manifest/manifest.ts'
import { digestOfCapability, type Capability } from './model.ts'
import { describeProblem, ManifestError } from './manifest/problem.ts'
import { dropForgotten, submitted } from './submissions.ts'
import { submissions, type SubmissionRow } from './tables.ts'

export interface SubmittedSource {
  look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<Capability> | Same>>
  hints(signal: AbortSignal): AsyncIterable<Hint>
}

export interface SubmittedOptions {
  readonly sync: string
  readonly journal: Journal
  readonly rules: ManifestRules
}

const page = 500

export function createSubmittedSource({ sync, journal, rules }: SubmittedOptions): SubmittedSource {
  // What was read under other rules says nothing under these.
  const version = sha256(JSON.stringify([1, rules.compat, rules.versionSource])).slice(0, 8)
  /** Up to here hints were given. */
  let heard: number | null = null
  const markOf = (seq: number) => `${version}:${seq}`

  function positionIn(mark: string | undefined): number | null {
    const [of, seq] = mark?.split(':') ?? []
    return of === version && seq !== undefined ? Number(seq) : null
  }

  async function lookSince(since: number): Promise<Look<Entry<Capability>>> {
    const rows = new Map<string, Stored<SubmissionRow>>()
    let upto = since
    // Also in the last page: what changes meanwhile moves to the end, and is then read again.
    for await (const row of rowsSince(since)) {
      rows.set(row.id, row)
      upto = Math.max(upto, row.seq)
    }
    if (rows.size === 0) return { saw: 'unchanged' }
    const gone = [...rows.values()].filter(({ state }) => state === 'removed').map(({ id }) => id)
    return { saw: 'delta', ...read([...rows.values()]), gone, mark: markOf(upto) }
  }

  async function* rowsSince(since: number): AsyncGenerator<Stored<SubmissionRow>> {
    for (let after = since; ;) {
      const where = { sync, seq: { above: after } }
      const rows = await journal.select(submissions, { where, order: ['seq'], limit: page })
      yield* rows
      if (rows.length < page) return
      after = rows.at(-1)!.seq
    }
  }

  async function lookAtAll(ask: Ask): Promise<Look<Entry<Capability>>> {
    await dropForgotten(journal, sync)
    // Read before the rows: what changes while they are read is then past the mark.
    const { seq } = await journal.head()
    const known = await ask.known()
    const rows = new Map<Key, Stored<SubmissionRow>>()
    for await (const row of rowsSince(0)) if (row.state === 'live') rows.set(row.id, row)
    const gone = [...known.keys()].filter((key) => !rows.has(key))
    return { saw: 'delta', ...read([...rows.values()]), gone, mark: markOf(seq) }
  }

  function read(rows: readonly SubmissionRow[]): { items: Entry<Capability>[]; troubles: Trouble[] } {
    const items: Entry<Capability>[] = []
    const troubles: Trouble[] = []
    for (const { id, manifest, by } of rows) {
      if (manifest === null) continue
      try {
        const item = readManifest(Buffer.from(manifest), id, rules)
        items.push({ key: id, digest: digestOfCapability(item), label: item.version, item, note: { by } })
      } catch (thrown) {
        if (!(thrown instanceof ManifestError)) throw thrown
        troubles.push({ key: id, why: 'manifest-invalid', detail: describeProblem(id, thrown) })
      }
    }
    return { items, troubles }
  }

  return {
    look(ask) {
      const since = positionIn(ask.mark)
      return since === null ? lookAtAll(ask) : lookSince(since)
    },
    async *hints(signal) {
      // What came before is seen by the first pass.
      heard ??= (await journal.head()).seq
      for await (const _ of moves(journal, signal)) {
        const head = await journal.head()
        const news = await journal.select(submissions, { where: { sync, seq: { above: heard } }, limit: 1 })
        heard = head.seq
        if (news.length > 0) yield { scope: submitted }
      }
    },
  }
}

/** Keeps what was forgotten from coming back, where submissions are no longer taken; hints of nothing. */
// oxlint-disable-next-line require-yield -- as a stream it is begun again when it fails, like the others
export async function* heedForgetting(journal: Journal, sync: string, signal: AbortSignal): AsyncGenerator<Hint> {
  let seq = 0
  for await (const _ of moves(journal, signal)) {
    const head = await journal.head()
    const told = await journal.events({ sync, type: 'scope.forgotten', after: seq, limit: 1 })
    seq = head.seq
    if (told.length > 0) await dropForgotten(journal, sync)
  }
}
