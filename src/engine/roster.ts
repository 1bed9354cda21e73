/** Which syncs there are: those of the config, and those that it once named and nobody has forgotten. */
import type { SyncSpec } from './engine.ts'
import { put, type Fact, type Journal } from './journal.ts'
import { syncs, type SyncRow } from './tables.ts'

/** Writes down new syncs, those that came back, and those that the config names no more. */
export async function enrol(
  journal: Journal,
  specs: readonly Pick<SyncSpec<unknown>, 'name' | 'registry'>[],
): Promise<void> {
  const known = new Map((await journal.select(syncs)).map((row) => [row.sync, row]))
  const facts: Fact[] = []
  for (const { name: sync, registry } of specs) {
    const row = known.get(sync)
    if (row && row.state !== 'orphaned') continue
    const next: SyncRow = {
      sync,
      registry,
      state: 'active',
      lastPassAt: row?.lastPassAt ?? null,
      lastPassOk: row?.lastPassOk ?? null,
      nextPassAt: null,
    }
    facts.push(put(syncs, next, { type: row ? 'sync.returned' : 'sync.appeared', sync }))
  }
  const named = new Set(specs.map((spec) => spec.name))
  for (const { seq: _, ...row } of known.values()) {
    if (named.has(row.sync) || row.state === 'orphaned') continue
    facts.push(
      put(
        syncs,
        { ...row, state: 'orphaned', nextPassAt: null },
        { type: 'sync.orphaned', sync: row.sync, reason: 'orphaned' },
      ),
    )
  }
  if (facts.length > 0) await journal.commit(facts)
}
