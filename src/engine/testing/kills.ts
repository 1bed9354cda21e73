/** A history with a kill in it: at each durable step of the engine, or at any moment. */
import type { History } from './history.ts'
import { tell, tryHistory } from './oracle.ts'
import type { Kill, Step } from './process.ts'
import type { WorldParts } from './world.ts'

export interface Killed {
  readonly kills: number
  /** How often each kind of step was the one to die at. */
  readonly at: Readonly<Record<string, number>>
  /** What to run again, in words; empty: none. */
  readonly failures: readonly string[]
}

/** Parts for one more run on the same kind of ledger. */
export type NextParts = () => WorldParts

/** The steps of the history when nobody kills; without those of its end. */
export async function stepsOf(next: NextParts, steps: readonly History[]): Promise<readonly Step[]> {
  const { taped } = await tryHistory(next(), steps)
  return taped
}

export async function killAt(next: NextParts, steps: readonly History[], kills: readonly Kill[]): Promise<Killed> {
  const taped = await stepsOf(next, steps)
  const at: Record<string, number> = {}
  const failures: string[] = []
  for (const kill of kills) {
    const parts = { ...next(), kill }
    const verdict = await tryHistory(parts, steps)
    const counted = kill.of === 'any' ? taped : taped.filter((step) => step !== 'read')
    const where = `${kill.side} ${counted[kill.nth - 1] ?? 'nothing'}`
    at[where] = (at[where] ?? 0) + 1
    if (verdict.violations.length > 0)
      failures.push(`killed ${where}: ${JSON.stringify(kill)}\n${tell(verdict, parts, steps)}`)
  }
  return { kills: kills.length, at, failures }
}

/** Before and after each durable step. */
export function everyDurableStep(taped: readonly Step[]): Kill[] {
  const durable = taped.filter((step) => step !== 'read')
  return durable.flatMap((_, index): Kill[] => [
    { of: 'durable', nth: index + 1, side: 'before' },
    { of: 'durable', nth: index + 1, side: 'after' },
  ])
}
