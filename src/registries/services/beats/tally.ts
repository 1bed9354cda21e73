/** How many heartbeats came to what. Read at each scrape: a counter of the library costs as much as a heartbeat. */
import type { Metrics } from '../../../kernel/metrics.ts'
import type { BeatOutcome } from './beats.ts'
import { countedAs, countedResults, outcomes } from './outcomes.ts'

export interface Tally {
  count(outcome: BeatOutcome): void
}

export function createTally(metrics: Metrics): Tally {
  const counts = new Map(countedResults.map((result) => [result, 0]))
  // Most are this, and a map costs more than all else that is counted.
  let taken = 0
  metrics.computed('service_registry_heartbeats_total', 'Heartbeats by what became of them', 'counter', () =>
    [...counts].map(([result, value]) => ({ labels: { result }, value: result === 'taken' ? taken : value })),
  )
  return {
    count(outcome) {
      if (outcome === outcomes.taken) {
        taken += 1
        return
      }
      const result = countedAs(outcome)
      counts.set(result, counts.get(result)! + 1)
    },
  }
}
