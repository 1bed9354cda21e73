/** One history in one world, from its beginning to its end, and what the judge found. */
import type { Violation } from './judge.ts'
import { finish } from './finale.ts'
import type { Step } from './process.ts'
import { happen, type History } from './history.ts'
import { createWorld, type World, type WorldParts } from './world.ts'

export interface Verdict {
  readonly violations: readonly Violation[]
  /** The step after which the first violation was seen; null: at the end, or none. */
  readonly step: number | null
  readonly world: World
  /** What the engine did up to the end of the history, without what its end took. */
  readonly taped: readonly Step[]
}

export async function tryHistory(parts: WorldParts, steps: readonly History[]): Promise<Verdict> {
  const tape = parts.tape ?? { steps: [] }
  const world = createWorld({ ...parts, tape })
  const { judge } = world
  for (const [index, step] of steps.entries()) {
    await happen(world, step)
    if (judge.violations.length === 0) continue
    world.end()
    return { violations: judge.violations, step: index, world, taped: tape.steps }
  }
  const taped = [...tape.steps]
  await finish(world)
  world.end()
  return { violations: judge.violations, step: null, world, taped }
}

/** For the message of a failing test: everything that is needed to run it again. */
export function tell({ violations, step }: Verdict, parts: WorldParts, steps: readonly History[]): string {
  return [
    ...violations.map((one) => `${one.charge} at ${one.site ?? '-'} of ${one.key ?? '-'}: ${one.detail}`),
    step === null ? 'at the end of' : `after step ${step} of`,
    `setting ${JSON.stringify(parts.setting)}`,
    ...steps.map((one, index) => `${index} ${JSON.stringify(one)}`),
  ].join('\n')
}
