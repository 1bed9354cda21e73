/** Keeps what is held in memory and what the ledger has the same. */
import type { Fact, Journal, Stored } from '../../../engine/journal.ts'
import type { Held, Holdings } from './held.ts'
import { claimStatuses, type ClaimStatusRow } from '../tables.ts'

/** What changed in memory, and how it is written. */
export interface Written {
  readonly fact: Fact
  readonly held: Held
}

export interface LedgerCopy {
  readAll(): Promise<void>
  /** Reads what others wrote since. */
  follow(): Promise<void>
  /** Resolves when it is durable. What could not be written is in doubt from then on. */
  write(changes: readonly Written[]): Promise<void>
  /** As `write`, but only over what is known: what somebody else changed meanwhile is answered, and in doubt. */
  writeOver(changes: readonly Written[]): Promise<ReadonlySet<Held>>
  /** Of some claims memory may be wrong. */
  isDoubtful(): boolean
  /** Reads these anew. */
  readDoubtful(): Promise<void>
}

const page = 1000

export function createLedgerCopy(parts: {
  readonly sync: string
  readonly journal: Journal
  readonly holdings: Holdings
}): LedgerCopy {
  const { sync, journal, holdings } = parts
  const doubtful = new Set<Held>()
  let reading: Promise<void> | null = null
  let seen = 0

  async function readSince(since: number): Promise<void> {
    for (let after = since; ;) {
      const rows = await journal.select(claimStatuses, {
        where: { sync, seq: { above: after } },
        order: ['seq'],
        limit: page,
      })
      for (const row of rows) holdings.learn(row)
      after = rows.at(-1)?.seq ?? after
      seen = Math.max(seen, after)
      if (rows.length < page) return
    }
  }

  function settle(changes: readonly Written[], written: Promise<unknown>, seqs: readonly unknown[]): void {
    for (const [index, { held }] of changes.entries()) {
      const seq = seqs[index]
      if (typeof seq === 'number') held.seq = seq
      if (held.pending === written) held.pending = null
    }
  }

  function doubt(changes: readonly Written[], written: Promise<unknown> | null): void {
    for (const { held } of changes) {
      doubtful.add(held)
      if (held.pending === written) held.pending = null
    }
  }

  async function readAnew(): Promise<void> {
    // What was sent before it became known that something failed may still arrive.
    await Promise.allSettled([...doubtful].map(({ pending }) => pending ?? Promise.resolve()))
    const asked = [...doubtful]
    for (let from = 0; from < asked.length; from += page) {
      const part = asked.slice(from, from + page)
      const where = { sync, key: { in: part.map(({ key }) => key) } }
      const rows = new Map<string, Stored<ClaimStatusRow>>()
      for (const row of await journal.select(claimStatuses, { where })) rows.set(row.key, row)
      for (const held of part) {
        const row = rows.get(held.key)
        if (row === undefined) holdings.unlearn(held)
        else holdings.learn(row)
        doubtful.delete(held)
      }
    }
  }

  return {
    readAll: () => readSince(0),
    follow: () => readSince(seen),
    async write(changes) {
      const written = journal.commit(changes.map(({ fact }) => fact))
      for (const { held } of changes) held.pending = written
      try {
        settle(changes, written, await written)
      } catch (thrown) {
        doubt(changes, written)
        throw thrown
      }
    },
    async writeOver(changes) {
      // Of a claim that is told of twice the last counts: a condition holds for the first only.
      const last = [...new Map(changes.map((change) => [change.held, change])).values()]
      const facts = last.map(({ fact, held }): Fact => {
        return { ...fact, when: held.seq === 0 ? 'absent' : { seq: held.seq } }
      })
      try {
        const done = await journal.commit(facts)
        settle(last, Promise.resolve(), done)
        const lost = last.filter((_, index) => done[index] === 'conflict')
        doubt(lost, null)
        return new Set(lost.map(({ held }) => held))
      } catch (thrown) {
        doubt(last, null)
        throw thrown
      }
    },
    isDoubtful: () => doubtful.size > 0,
    readDoubtful() {
      reading ??= readAnew().finally(() => {
        reading = null
      })
      return reading
    },
  }
}
