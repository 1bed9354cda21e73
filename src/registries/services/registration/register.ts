/** Registering: a batch is decided on at once and written in one commit; what others are changing waits for them. */
import type { Fact } from '../../../engine/journal.ts'
import { patch } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import { parentType, serviceTypes, type ServiceRef, type ServiceType } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { services } from '../tables.ts'
import { over } from './existing.ts'
import { draft, eventData, newRow, pollerAbove, registered, stillAt, type DraftRow } from './facts.ts'
import { allOf, mostRounds, tooOften, type Ground } from './ground.ts'
import { otherPoller, parentFault, parentMissing, parentOfPoller } from './parents.ts'
import type { Asked, By, Registered, Registrations } from './registrations.ts'

/** One that is about to be written. */
interface Arrival {
  readonly index: number
  readonly row: DraftRow
  /** Poller above; '' of a poller itself. */
  readonly poller: string
  /** Of the round that writes it. */
  readonly round: Round
}

interface Round {
  readonly done: Promise<void>
  /** Written together; each alone after a conflict. */
  readonly together: boolean
  readonly arrivals: Arrival[]
  /** Parents that must not have moved, where others write, too. */
  readonly parents: Map<Slot, ServiceRef>
  /** Registered already. */
  readonly existing: number[]
  /** Wait for what others are changing. */
  readonly later: number[]
  readonly blockers: Set<Promise<unknown>>
  /** Something is wrong by what was known so far: read what others wrote, and decide anew. */
  follows: boolean
}

/** A parent, decided on. */
type Above =
  | { readonly is: 'fine'; readonly poller: string }
  | { readonly is: 'wrong'; readonly fault: AppError }
  | { readonly is: 'busy'; readonly until: Promise<unknown> | null }

/** Of pollers. */
const nobody: Above = { is: 'fine', poller: '' }

interface Call {
  readonly asked: readonly Asked[]
  readonly by: By
  readonly at: Instant
  readonly seenAt: Instant | undefined
  readonly results: (Registered | AppError)[]
  /** A condition did not hold: from now on each is written alone. */
  conflicted: boolean
  /** What others wrote was read since it was asked. */
  followed: boolean
}

export function createRegister(ground: Ground): Registrations['register'] {
  const { roster, ledger, turns, arrivals } = ground
  /** On their way, by type and id. */
  const arriving = Object.fromEntries(
    serviceTypes.map((type) => [type, new Map<string, Arrival>()]),
  ) as unknown as Record<ServiceType, Map<string, Arrival>>

  /** The parent's place is decided once for all children that follow each other. */
  function aboveOf(call: Call, round: Round, one: Asked): Above {
    if (one.type === 'poller') {
      if (one.parent === '') return nobody
      return { is: 'wrong', fault: parentOfPoller(one, one.parent) }
    }
    if (one.parent === '') return { is: 'wrong', fault: parentMissing(one) }
    const type = parentType(one.type)!
    const slot = roster.find(type, one.parent)
    if (slot === noSlot) return aboveArriving(call, round, one, type)
    const until = turns.busy(slot)
    if (until !== undefined) return { is: 'busy', until }
    const fault = parentFault(one, one.parent, roster.statusOf(slot))
    if (fault !== null) return { is: 'wrong', fault }
    if (ledger.shared) round.parents.set(slot, { type, id: one.parent })
    return { is: 'fine', poller: one.type === 'agent' ? one.parent : pollerAbove(roster, slot) }
  }

  function aboveArriving(call: Call, round: Round, one: Asked, type: ServiceType): Above {
    const arrival = arriving[type].get(one.parent)
    if (arrival !== undefined) {
      if (arrival.round !== round || !round.together) return { is: 'busy', until: arrival.round.done }
      return { is: 'fine', poller: one.type === 'agent' ? one.parent : arrival.row.parent }
    }
    const waits = round.later.some((at) => call.asked[at]!.id === one.parent && call.asked[at]!.type === type)
    if (waits) return { is: 'busy', until: null }
    return { is: 'wrong', fault: parentFault(one, one.parent, null)! }
  }

  function decide(call: Call, round: Round, index: number, above: Above): void {
    const one = call.asked[index]!
    if (above.is === 'wrong' && call.followed) call.results[index] = above.fault
    else if (above.is === 'wrong') {
      // Its parent may have been registered by way of another process just now.
      round.later.push(index)
      round.follows = true
    } else if (above.is === 'busy') {
      round.later.push(index)
      if (above.until !== null) round.blockers.add(above.until)
    } else {
      const { poller } = above
      if (one.type === 'checker' && one.poller && poller !== '' && one.poller !== poller) {
        call.results[index] = otherPoller(one, one.parent, poller, one.poller)
        return
      }
      const at = call.seenAt === undefined ? call.at : Math.min(call.at, call.seenAt)
      const arrival = { index, row: newRow(one, call.by, at), poller, round }
      round.arrivals.push(arrival)
      arriving[one.type].set(one.id, arrival)
    }
  }

  function decideAll(call: Call, round: Round, left: readonly number[]): void {
    let last: Asked | null = null
    let lastAbove: Above | null = null
    for (const type of serviceTypes) {
      for (const index of left) {
        const one = call.asked[index]!
        if (one.type !== type) continue
        if (roster.find(type, one.id) !== noSlot) {
          round.existing.push(index)
          continue
        }
        const other = arriving[type].get(one.id)
        if (other !== undefined) {
          round.later.push(index)
          round.blockers.add(other.round.done)
          continue
        }
        const same = last !== null && last.type === type && last.parent === one.parent && type !== 'poller'
        if (!same) lastAbove = aboveOf(call, round, one)
        // What is wrong names the child.
        else if (lastAbove!.is === 'wrong') lastAbove = aboveOf(call, round, one)
        last = one
        decide(call, round, index, lastAbove!)
      }
    }
  }

  /** Facts of one arrival: told of as registered and, by a heartbeat, as activated. */
  function factsOf(call: Call, { row, poller }: Arrival): Fact[] {
    const first = registered(row, poller, call.by)
    if (call.seenAt === undefined) return [first]
    const { type, id } = row
    const data = { ...eventData(row, poller, call.by), from: 'pending', to: 'active' }
    const active = { type, id, status: 'active', statusAt: call.at, firstSeen: call.seenAt } as const
    return [first, patch(services, active, draft('activated', row, call.by, data))]
  }

  /** null: a condition did not hold, nothing was written. */
  async function write(call: Call, some: readonly Arrival[], parents: ReadonlyMap<Slot, ServiceRef>) {
    const facts: Fact[] = []
    for (const [slot, ref] of parents) facts.push(stillAt(ref, roster.columns.seq[slot]!))
    const guards = facts.length
    for (const arrival of some) for (const fact of factsOf(call, arrival)) facts.push(fact)
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
      ground.liveness.changed(slot)
      ground.transited(row.type, 'pending', 'active')
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

  /** Its row as the ledger has it decides; false: it is gone by now. */
  async function settle(call: Call, index: number): Promise<boolean> {
    const one = call.asked[index]!
    const slot = roster.find(one.type, one.id)
    if (slot === noSlot) return false
    if (one.source === 'implicit') {
      call.results[index] = { result: 'unchanged', slot }
      return true
    }
    const turn = await turns.wait([slot])
    try {
      const [row] = await ledger.read([one])
      if (row === null || row === undefined) return false
      const poller = pollerAbove(roster, slot)
      const what = over(row, one, poller, call.by)
      if (what === 'same' || what instanceof AppError) {
        const fits = one.type !== 'checker' || !one.poller || poller === '' || one.poller === poller
        call.results[index] =
          what !== 'same'
            ? what
            : fits
              ? { result: 'unchanged', slot }
              : otherPoller(one, row.parent, poller, one.poller!)
        return true
      }
      const [seq] = await ledger.commit([what], () => [one])
      if (seq === 'conflict') return false
      const { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy } = one
      const set = { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy }
      if (typeof seq === 'number') roster.learn({ ...row, ...set, seq })
      ground.liveness.changed(slot)
      call.results[index] = { result: 'claimed', slot }
      return true
    } finally {
      turn.end()
    }
  }

  async function writeNew(call: Call, round: Round): Promise<number[]> {
    if (round.arrivals.length === 0) return []
    try {
      return await writeAll(call, round)
    } finally {
      for (const { row } of round.arrivals) arriving[row.type].delete(row.id)
    }
  }

  /** Those that have to be decided anew. */
  async function run(call: Call, left: readonly number[]): Promise<readonly number[]> {
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const round: Round = {
      done,
      together: !call.conflicted,
      arrivals: [],
      parents: new Map(),
      existing: [],
      later: [],
      blockers: new Set(),
      follows: false,
    }
    decideAll(call, round, left)
    const blockers = [...round.blockers].filter((one) => one !== done)
    arrivals.add(done)
    const written = writeNew(call, round).finally(() => {
      arrivals.delete(done)
      resolve()
    })
    const settled = round.existing.map(async (index) => ((await settle(call, index)) ? [] : [index]))
    const again = await allOf([written, ...settled])
    await Promise.all(blockers)
    if (round.follows) {
      await ledger.follow()
      call.followed = true
    }
    if (again[0]!.length > 0) call.conflicted = true
    return [...again.flat(), ...round.later]
  }

  return async (asked, by, at, seenAt) => {
    const results: (Registered | AppError)[] = Array.from({ length: asked.length })
    const call: Call = { asked, by, at, seenAt, results, conflicted: false, followed: !ledger.shared }
    let left: readonly number[] = asked.map((_one, index) => index)
    try {
      for (let rounds = 0; left.length > 0; rounds += 1) {
        if (rounds === mostRounds) throw tooOften()
        while (ledger.doubts()) await ledger.sure()
        left = await run(call, left)
      }
    } catch (thrown) {
      if (!results.some((result) => result !== undefined && !(result instanceof AppError))) throw thrown
      const error = asAppError(thrown)
      for (let n = 0; n < asked.length; n += 1) results[n] ??= error
    }
    return results
  }
}
