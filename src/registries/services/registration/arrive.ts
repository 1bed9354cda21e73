/** Writes those of a round that are new: with their parents as they were decided on, or not at all. */
import { patch, type Fact } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { parentType, type ServiceRef } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { services } from '../tables.ts'
import type { Arrival, Arriving, Call, Round } from './decide.ts'
import { draft, eventData, registered, stillAt } from './facts.ts'
import { allOf, type Ground } from './ground.ts'

/** Answers those whose conditions did not hold, when all are written. */
export function createArrive(
  { roster, ledger, liveness, transited }: Ground,
  arriving: Arriving,
): (call: Call, round: Round) => Promise<readonly number[]> {
  /** By a heartbeat: told of a second time, for it is active at once. */
  function activated(call: Call, { row, poller }: Arrival, firstSeen: Instant): Fact {
    const { type, id } = row
    const data = { ...eventData(row, poller, call.by), from: 'pending', to: 'active' }
    const active = { type, id, status: 'active', statusAt: call.at, firstSeen } as const
    return patch(services, active, draft('activated', row, call.by, data))
  }

  /** null: a condition did not hold, nothing was written. */
  async function write(call: Call, some: readonly Arrival[], parents: ReadonlyMap<Slot, ServiceRef>) {
    const facts: Fact[] = []
    for (const [slot, ref] of parents) facts.push(stillAt(ref, roster.columns.seq[slot]!))
    const guards = facts.length
    for (const arrival of some) {
      facts.push(registered(arrival.row, arrival.poller, call.by))
      if (call.seenAt !== undefined) facts.push(activated(call, arrival, call.seenAt))
    }
    const about = () => some.map(({ row }) => row)
    const results = await ledger.commit(facts, about, { atomic: true })
    if (results[0] === 'conflict') return null
    const each = call.seenAt === undefined ? 1 : 2
    for (let n = 0; n < some.length; n += 1) known(call, some[n]!, results[guards + n * each + each - 1] as number)
    return some
  }

  function known(call: Call, { index, row }: Arrival, seq: number): void {
    row.seq = seq
    if (call.seenAt !== undefined) {
      row.status = 'active'
      row.statusAt = call.at
      row.firstSeen = call.seenAt
    }
    const slot = roster.learn(row)
    if (call.seenAt !== undefined) {
      liveness.changed(slot)
      transited(row.type, 'pending', 'active')
    }
    call.results[index] = { result: 'registered', slot }
  }

  /** Those whose conditions did not hold. */
  async function writeAll(call: Call, round: Round): Promise<number[]> {
    if (round.together) {
      if ((await write(call, round.arrivals, round.parents)) !== null) return []
      await ledger.read([...round.arrivals.map(({ row }) => row), ...round.parents.values()])
      return round.arrivals.map(({ index }) => index)
    }
    const each = await allOf(
      round.arrivals.map(async (arrival) => {
        const { row } = arrival
        const type = parentType(row.type)
        const slot = type === null ? noSlot : roster.find(type, row.parent)
        const parents = new Map(ledger.shared && type !== null ? [[slot, { type, id: row.parent }]] : [])
        if ((await write(call, [arrival], parents)) !== null) return []
        await ledger.read([row, ...parents.values()])
        return [arrival.index]
      }),
    )
    return each.flat()
  }

  return async (call, round) => {
    if (round.arrivals.length === 0) return []
    try {
      return await writeAll(call, round)
    } finally {
      for (const { row } of round.arrivals) arriving[row.type].delete(row.id)
    }
  }
}
