/** Whether a poller is known, asked within the process: at random among a million that are registered, and others. */
import { createKnownCheck } from '../src/registries/services/known.ts'
import { createRoster } from '../src/registries/services/roster/create.ts'
import { serviceRow } from '../src/registries/services/testing.ts'
import { middle } from './parts/processes.ts'
import type { Benches } from './report.ts'

const rounds = 7
/** Look-ups between two looks at the clock. */
const together = 1_000

export const benches: Benches = {
  'services.known': async (report, { long }) => {
    const services = long ? 1_000_000 : 100_000
    const roster = createRoster()
    const idOf = (number: number) => `poller-${(Math.imul(number, 0x9e3779b1) >>> 0).toString(16)}.example`
    const map = new Map<string, number>()
    for (let number = 0; number < services; number += 1) {
      roster.learn(serviceRow({ id: idOf(number) }))
      map.set(idOf(number), number)
    }
    const { isKnown } = createKnownCheck({ roster, config: { known: { list: [], mode: 'enforce' } } })
    // At random among all of them, so that neighbours in memory do not help; every tenth is nobody. The texts are made
    // just before, as those of requests are.
    const someone = () => {
      const number = Math.floor(Math.random() * services)
      return Buffer.from(number % 10 === 0 ? `nobody-${number}` : idOf(number)).toString('latin1')
    }
    const measure = (ask: (id: string) => boolean): number => {
      let took = 0
      for (let part = 0; part < services / together; part += 1) {
        const asked = Array.from({ length: together }, someone)
        let known = 0
        const began = performance.now()
        for (const id of asked) if (ask(id)) known += 1
        took += performance.now() - began
        const expected = asked.filter((id) => !id.startsWith('nobody')).length
        if (known !== expected) throw new Error(`${known} are known, not ${expected}`)
      }
      return (services / took) * 1000
    }
    const ours: number[] = []
    const plain: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      plain.push(measure((id) => map.has(id)))
      ours.push(measure(isKnown))
    }
    const note = `${services} services, ids at random, a tenth of them unknown; against has() of a Map`
    report({ value: middle(ours), baseline: middle(plain), unit: 'look-ups/s', limit: { atLeast: 2_000_000 }, note })
    await Promise.resolve()
  },
}
