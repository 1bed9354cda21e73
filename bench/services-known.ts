/** Whether a poller is known, asked within the process: at random among a million that are registered, and others. */
import { createKnownCheck } from '../src/registries/services/known.ts'
import { createRoster } from '../src/registries/services/roster/create.ts'
import type { ServiceRow } from '../src/registries/services/tables.ts'
import type { Benches } from './report.ts'

function row(id: string): ServiceRow & { readonly seq: number } {
  return {
    type: 'poller',
    id,
    status: 'active',
    statusAt: 1,
    reason: null,
    before: null,
    source: 'config',
    component: id,
    parent: '',
    kind: null,
    metadata: {},
    spiffe: null,
    interval: null,
    inactiveAfter: null,
    createdBy: 'bench',
    registeredAt: 1,
    firstSeen: 1,
    revokedAt: null,
    seq: 1,
  }
}

export const benches: Benches = {
  'services.known': async (report, { long }) => {
    const services = long ? 1_000_000 : 100_000
    const roster = createRoster()
    const idOf = (number: number) => `poller-${(Math.imul(number, 0x9e3779b1) >>> 0).toString(16)}.example`
    for (let number = 0; number < services; number += 1) roster.learn(row(idOf(number)))
    const { isKnown } = createKnownCheck({ roster, config: { known: { list: [], mode: 'enforce' } } })
    // Every tenth is nobody. In no order: neighbours in memory must not help.
    const asked = Array.from({ length: services }, () => {
      const number = Math.floor(Math.random() * services)
      return number % 10 === 0 ? `nobody-${number}` : idOf(number)
    })
    const expected = asked.reduce((sum, id) => sum + (id.startsWith('nobody') ? 0 : 1), 0)
    const rates: number[] = []
    for (let round = 0; round < 7; round += 1) {
      const began = performance.now()
      let known = 0
      for (const id of asked) if (isKnown(id)) known += 1
      rates.push((asked.length / (performance.now() - began)) * 1000)
      if (known !== expected) throw new Error(`${known} are known, not ${expected}`)
    }
    rates.sort((a, b) => a - b)
    const note = `${services} services, ids at random, a tenth of them unknown; the middle of 7 rounds`
    report({ value: rates[3]!, unit: 'look-ups/s', limit: { atLeast: 2_000_000 }, note })
    await Promise.resolve()
  },
}
