/** Worlds of the real engine, and searches through their histories. */
import fc from 'fast-check'
import { messageOf } from '../../src/kernel/errors.ts'
import { createDraft } from '../../src/database/draft.ts'
import { createMemoryJournal } from '../../src/database/memory/journal.ts'
import { createEngine } from '../../src/engine/create-engine.ts'
import { engineTables } from '../../src/engine/tables.ts'
import { anyHistory, anySetting } from '../../src/engine/testing/arbitrary.ts'
import type { Charge } from '../../src/engine/testing/judge.ts'
import { tell, tryHistory } from '../../src/engine/testing/oracle.ts'
import type { Kill } from '../../src/engine/testing/process.ts'
import type { MakeEngine, Setting, WorldParts } from '../../src/engine/testing/world.ts'

export const makeEngine: MakeEngine = (parts) =>
  createEngine({ ...parts, draft: (journal) => createDraft(journal, parts.clock, engineTables) })

export type Grounds = Omit<WorldParts, 'setting'>

export const onMemory: Grounds = {
  makeEngine,
  journal: (clock) => createMemoryJournal({ clock, tables: engineTables }),
}

export interface Search {
  readonly grounds?: Grounds
  readonly runs: number
  readonly seed: number
  /** Fixed for every world of the search. */
  readonly setting?: Partial<Setting>
  /** Most steps of a history. */
  readonly length?: number
  /** A kill somewhere in each. */
  readonly killed?: boolean
  /** What counts; default: everything. */
  readonly charges?: readonly Charge[]
  /** Look for the shortest history that fails. */
  readonly shrink?: boolean
}

export interface Found {
  readonly runs: number
  /** In words, with everything that is needed to run it again; null: nothing. */
  readonly failure: string | null
  /** Deletions of keys that had moved to a scope that nobody had read yet. */
  readonly unseenMoves: number
  /** Histories that ended badly in a way that did not count, and the first of them in words. */
  readonly others: number
  readonly firstOther: string | null
}

const anyKill: fc.Arbitrary<Kill> = fc.record({
  nth: fc.integer({ min: 1, max: 60 }),
  side: fc.constantFrom('before', 'after'),
  of: fc.constant('durable'),
})

/** Random histories in random worlds until one ends badly. */
export async function search(what: Search): Promise<Found> {
  const { grounds = onMemory, runs, seed, charges, shrink = true, length = 24 } = what
  let unseenMoves = 0
  // Failures of sources and targets are thrown by the thousand here; their stacks are 15 % of the time, and nobody reads them.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  let others = 0
  let firstOther: string | null = null
  const setting = anySetting().map((one): Setting => ({
    ...one,
    ...(what.killed && { oneShot: false }),
    ...what.setting,
  }))
  const kill = what.killed ? anyKill : fc.constant(undefined)
  const property = fc.asyncProperty(setting, anyHistory({ min: 4, max: length }), kill, async (one, steps, at) => {
    const parts = { ...grounds, setting: one, ...(at && { kill: at }) }
    const verdict = await tryHistory(parts, steps)
    unseenMoves += verdict.world.judge.unseenMoves
    const violations = verdict.violations.filter(({ charge }) => charges?.includes(charge) ?? true)
    if (verdict.violations.length === 0) return
    const told = `${at ? `kill ${JSON.stringify(at)} ` : ''}${tell(verdict, parts, steps)}`
    if (violations.length > 0) throw new Error(told)
    others += 1
    firstOther ??= told
  })
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: !shrink })
  Error.stackTraceLimit = stackTraceLimit
  const failure = details.failed ? messageOf(details.errorInstance) : null
  return {
    runs: details.numRuns,
    failure: failure === null ? null : `seed ${seed}: ${failure}`,
    unseenMoves,
    others,
    firstOther,
  }
}
