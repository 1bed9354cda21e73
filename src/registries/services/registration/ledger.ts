/**
 * What the ledger says of services, and how memory learns of it: after own commits by their results, after a doubt
 * and from other replicas by reading rows again.
 */
import type { CommitOptions, Committed, Fact, Journal, Seq, Stored } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { refOf, refText, serviceTypes, type ServiceRef } from '../model.ts'
import { loadRoster } from '../roster/load.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'

export interface Ledger {
  /** Other processes write, too. */
  readonly shared: boolean
  /** As `journal.commit`. Where nobody can tell what became of it, these services are doubted. */
  commit(facts: readonly Fact[], about: () => Iterable<ServiceRef>, options?: CommitOptions): Promise<Committed[]>
  /** Before any decision on what memory has: something is doubted, and is read again by `sure`. */
  doubts(): boolean
  /** Resolves when nothing is doubted; rejects while it cannot be read. */
  sure(): Promise<void>
  /** As the ledger has them now, in the order asked for; memory knows it, too. null: no such row. */
  read(refs: readonly ServiceRef[]): Promise<(Stored<ServiceRow> | null)[]>
  /** An own commit removed its row. */
  forget(slot: Slot, ref: ServiceRef, seq: Seq): void
  follow(): Promise<void>
  load(): Promise<void>
}

export interface LedgerParts {
  readonly journal: Journal
  readonly roster: Roster
  /** A service changed, or is gone. */
  readonly changed: (slot: Slot) => void
}

/** Rows of one read. */
const page = 500

export function createLedger({ journal, roster, changed }: LedgerParts): Ledger {
  let doubted = new Map<string, ServiceRef>()
  let settling: Promise<void> | null = null
  /** Own removals while rows are read: what was read before them is not learned after them. */
  const removed = new Map<string, Seq>()
  let reading = 0

  function forget(slot: Slot, ref: ServiceRef, seq: Seq): void {
    if (reading > 0) removed.set(refText(ref), seq)
    roster.forget(slot)
    changed(slot)
  }

  async function readPage(refs: readonly ServiceRef[]): Promise<Map<string, Stored<ServiceRow>>> {
    const before = refs.map((ref) => versionOf(roster, ref))
    const type = refs[0]!.type
    reading += 1
    try {
      const ids = [...new Set(refs.map((ref) => ref.id))]
      const found = await journal.select(services, { where: { type, id: { in: ids } }, limit: ids.length })
      const rows = new Map<string, Stored<ServiceRow>>()
      for (const row of found) {
        if ((removed.get(refText(row)) ?? -1) >= row.seq) continue
        rows.set(row.id, row)
        changed(roster.learn(row))
      }
      for (const [at, ref] of refs.entries()) {
        const slot = roster.find(ref.type, ref.id)
        // Moved meanwhile: it was registered again after the read.
        if (slot !== noSlot && !rows.has(ref.id) && versionOf(roster, ref) === before[at]) {
          roster.forget(slot)
          changed(slot)
        }
      }
      return rows
    } finally {
      reading -= 1
      if (reading === 0) removed.clear()
    }
  }

  async function read(refs: readonly ServiceRef[]): Promise<(Stored<ServiceRow> | null)[]> {
    const byRef = new Map<string, Stored<ServiceRow>>()
    // Parents before children: who is learned finds its parent there.
    for (const type of serviceTypes) {
      const some = refs.filter((ref) => ref.type === type)
      for (let at = 0; at < some.length; at += page) {
        for (const row of (await readPage(some.slice(at, at + page))).values()) byRef.set(refText(row), row)
      }
    }
    return refs.map((ref) => byRef.get(refText(ref)) ?? null)
  }

  async function settle(): Promise<void> {
    const some = doubted
    doubted = new Map()
    try {
      await read([...some.values()])
    } catch (thrown) {
      for (const [name, ref] of some) doubted.set(name, ref)
      throw thrown
    }
  }

  return {
    shared: journal.shared === true,
    async commit(facts, about, options) {
      try {
        return await journal.commit(facts, options)
      } catch (thrown) {
        if (thrown instanceof AppError && thrown.data['effect'] === 'unknown') {
          for (const ref of about()) doubted.set(refText(ref), ref)
        }
        throw thrown
      }
    },
    doubts: () => doubted.size > 0 || settling !== null,
    async sure() {
      while (doubted.size > 0 || settling !== null) {
        settling ??= settle().finally(() => {
          settling = null
        })
        await settling
      }
    },
    read,
    forget,
    ...follower({ journal, roster, changed }, read),
  }
}

function versionOf(roster: Roster, { type, id }: ServiceRef): Seq {
  const slot = roster.find(type, id)
  return slot === noSlot ? -1 : roster.columns.seq[slot]!
}

/** Reads what is new by the events that tell of it. */
function follower(
  { journal, roster }: LedgerParts,
  read: (refs: readonly ServiceRef[]) => Promise<unknown>,
): Pick<Ledger, 'follow' | 'load'> {
  /** All events up to here are known. */
  let position: Seq = 0
  let queue: Promise<void> = Promise.resolve()
  let next: Promise<void> | null = null

  async function catchUp(): Promise<void> {
    next = null
    const { seq } = await journal.head()
    while (position < seq) {
      const events = await journal.events({ type: 'service.', after: position, limit: page })
      const touched = new Map<string, ServiceRef>()
      for (const event of events) {
        const ref = event.key === undefined ? null : refOf(event.key)
        // Own ones are known by now, or will be without being read.
        if (ref !== null && versionOf(roster, ref) < event.seq) touched.set(event.key!, ref)
      }
      await read([...touched.values()])
      position = events.length < page ? Math.max(seq, events.at(-1)?.seq ?? 0) : events.at(-1)!.seq
    }
  }

  return {
    // Who comes while one waits for its turn joins it: it reads all that is there by then.
    follow() {
      next ??= queue.then(catchUp)
      queue = next.catch(() => {})
      return next
    },
    async load() {
      const { seq } = await journal.head()
      await loadRoster(journal, roster)
      position = Math.max(position, seq)
    },
  }
}
