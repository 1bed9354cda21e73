/** Who is late and who is overdue, against a model that knows only when each was heard of. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock, type FakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { ServicesConfig } from '../config.ts'
import { createRoster } from '../roster/create.ts'
import type { Slot } from '../roster/roster.ts'
import { livenessLog, type ServiceRow } from '../tables.ts'
import { createLiveness } from './create.ts'
import { plainBeat, serviceRow } from './testing.ts'

const second = 1_000
const minute = 60 * second
const usual = 10 * minute
const config = ServicesConfig.parse({ inactive_after: { agent: '10m' } })

/** A process that can be killed, suspended and started anew on the same ledger. */
function world(rows: ServiceRow[]) {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: [livenessLog] })
  const shift = { wall: 0, monotonic: 0 }
  let seq = 0
  let writer = 0
  const boot = async () => {
    const own = clock.fork()
    const roster = createRoster()
    for (const row of rows) roster.learn({ ...row, seq: (seq += 1) })
    const shifted = {
      ...own,
      now: () => clock.now() + shift.wall,
      monotonic: () => clock.monotonic() + shift.monotonic,
    }
    writer += 1
    const parts = { roster, config, journal, clock: shifted, logger: silentLogger, writer: `w${writer}` }
    const liveness = createLiveness(parts)
    await liveness.load()
    liveness.start()
    return { roster, liveness, kill: () => own.stop() }
  }
  const learn = (roster: ReturnType<typeof createRoster>, row: ServiceRow) => {
    roster.learn({ ...row, seq: (seq += 1) })
  }
  return { clock, journal, shift, boot, learn }
}

const ids = ['a', 'b', 'c', 'd']
const slot = fc.nat({ max: ids.length - 1 })
const length = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 60, max: 400 })).map((n) => n * second)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant('pass' as const), length }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('heard' as const), slot }) },
  fc.record({
    is: fc.constant('turn' as const),
    slot,
    status: fc.constantFrom('active' as const, 'inactive', 'revoked'),
  }),
  fc.record({
    is: fc.constant('edit' as const),
    slot,
    interval: fc.constantFrom(null, 10 * second, 2 * minute),
    inactiveAfter: fc.constantFrom(null, 5 * second, 5 * minute, 2 * 60 * minute),
  }),
  fc.record({ is: fc.constant('jump' as const), by: fc.integer({ min: -7_200, max: 7_200 }) }),
  fc.record({ is: fc.constant('stall' as const), length }),
  fc.record({ is: fc.constant('restart' as const), away: length, kill: fc.boolean() }),
)

/** Bounds of what may be counted as silence: ticks are a second, and a killed process forgets some of it. */
interface Known {
  least: number
  most: number
  row: ServiceRow
  /** It was already, when a stall gave everybody time. */
  late?: boolean
  overdue?: boolean
}

async function agrees(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Promise<void> {
  const known: Known[] = ids.map((id) => ({ least: 0, most: 0, row: serviceRow('agent', id) }))
  const rows = known.map(({ row }) => row)
  const { clock, shift, boot, learn } = world(rows)
  let process = await boot()
  let ready = { least: 0, most: 0 }
  const pass = (least: number, most: number) => {
    for (const one of [...known, ready]) {
      one.least += least
      one.most += most
    }
  }
  for (const one of steps) {
    if (one.is === 'pass') {
      await clock.advance(one.length)
      pass(one.length - second, one.length)
    } else if (one.is === 'heard') {
      if (known[one.slot]!.row.status !== 'active') continue
      process.liveness.heard(one.slot, plainBeat, clock.now() + shift.wall)
      known[one.slot] = { ...known[one.slot]!, least: -2 * second, most: 0 }
    } else if (one.is === 'turn' || one.is === 'edit') {
      const before = known[one.slot]!
      const { interval, inactiveAfter } = one.is === 'edit' ? one : before.row
      const row = { ...before.row, interval, inactiveAfter, ...(one.is === 'turn' && { status: one.status }) }
      rows[one.slot] = row
      learn(process.roster, row)
      process.liveness.changed(one.slot)
      const anew = before.row.status !== 'active' && row.status === 'active'
      // A killed process has not written that it began anew, so the next one may count from before.
      known[one.slot] = {
        row,
        least: anew ? -2 * second : before.least,
        most: anew ? Math.max(0, before.most) : before.most,
      }
      if (anew) assert.equal(process.liveness.isLate(one.slot), false)
    } else if (one.is === 'jump') shift.wall += one.by * second
    else if (one.is === 'stall') {
      shift.monotonic += one.length
      // Until the next tick nobody knows.
      await clock.advance(second)
      pass(0, 3 * second)
      if (one.length >= 5 * second)
        ready = { least: -3 * second, most: 2 * second + (one.length >= 12 * second ? 0 : ready.most) }
    } else {
      await clock.advance(2 * second)
      pass(second, 2 * second)
      if (one.kill) process.kill()
      else await process.liveness.stop()
      await clock.advance(one.away)
      process = await boot()
      ready = { least: -2 * second, most: 0 }
      for (const each of known) {
        each.least = Math.max(-2 * second, each.least - 5 * minute - 3 * second)
        each.late = each.overdue = false
      }
    }
    await clock.settle()
    check(process.liveness, known, ready)
  }
  await process.liveness.stop()
}

function check(
  liveness: ReturnType<typeof createLiveness>,
  known: readonly Known[],
  ready: { least: number; most: number },
): void {
  const overdue = new Set(liveness.overdue(100))
  let late = 0
  known.forEach((one, at) => {
    const { row, least, most } = one
    const lateAfter = 3 * (row.interval ?? config.interval)
    const threshold = row.inactiveAfter ?? usual
    const active = row.status === 'active'
    const isLate = liveness.isLate(at)
    if (isLate) late += 1
    const about = () => JSON.stringify({ at, row, least, most, ready, silence: liveness.silence(at) })
    if (!active) assert.ok(!isLate && !overdue.has(at), about())
    else {
      if (most < lateAfter || (!one.late && ready.most < lateAfter)) assert.ok(!isLate, `late too early ${about()}`)
      if (Math.min(least, ready.least) > lateAfter + 3 * second) assert.ok(isLate, `not late ${about()}`)
      if (most < threshold || (!one.overdue && ready.most < lateAfter))
        assert.ok(!overdue.has(at), `overdue too early ${about()}`)
      if (least > threshold + 3 * second && ready.least > lateAfter + 3 * second) {
        assert.ok(overdue.has(at), `not overdue ${about()}`)
      }
    }
    one.late = isLate
    one.overdue = overdue.has(at)
  })
  assert.equal(liveness.counts().late, late)
  assert.equal(liveness.counts().tracked, known.filter(({ row }) => row.status === 'active').length)
}

describe('silence', () => {
  it('is told as a model that looks at everybody would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) => agrees(steps)),
      { numRuns: 40, endOnFailure: false },
    )
  })

  it('does not count an hour in which the registry was away', async () => {
    const { clock, boot } = world([serviceRow('agent', 'a')])
    const first = await boot()
    first.liveness.heard(0, plainBeat, clock.now())
    await clock.advance(2 * second)
    first.kill()
    await clock.advance(60 * minute)
    const next = await boot()
    assert.ok(next.liveness.silence(0) <= 2 * second)
    await clock.advance(80 * second)
    assert.equal(next.liveness.isLate(0), false)
    assert.deepEqual(next.liveness.overdue(10), [])
    await next.liveness.stop()
  })

  it('goes on counting over restarts, but gives everybody three intervals first', async () => {
    const { clock, boot } = world([serviceRow('agent', 'a')])
    let process = await boot()
    for (let round = 0; round < 3; round += 1) {
      await clock.advance(4 * minute)
      await process.liveness.stop()
      process = await boot()
    }
    assert.ok(process.liveness.silence(0) > 11 * minute)
    await clock.advance(85 * second)
    assert.deepEqual(process.liveness.overdue(10), [])
    assert.equal(process.liveness.isLate(0), false)
    await clock.advance(10 * second)
    assert.deepEqual(process.liveness.overdue(10), [0])
    await process.liveness.stop()
  })

  it('says what it knows without being started, for commands that only ask', async () => {
    const { clock, journal, boot } = world([serviceRow('agent', 'a')])
    const first = await boot()
    first.liveness.heard(0, { ...plainBeat, healthy: true }, clock.now())
    const at = clock.now()
    await clock.advance(2 * minute)
    await first.liveness.stop()
    const asked = await asking(clock, journal)
    assert.deepEqual(asked.seen(0), { lastSeen: at, healthy: true, late: true })
    assert.equal(clock.sleeping, 0)
  })

  it('hands out the newest changes, and says when there are too many', async () => {
    const { clock, boot } = world(Array.from({ length: 10_001 }, (_, n) => serviceRow('agent', `a${n}`)))
    const { liveness } = await boot()
    liveness.heard(5, plainBeat, clock.now())
    await clock.advance(95 * second)
    assert.equal(liveness.takeChanged(), null)
    liveness.heard(7, plainBeat, clock.now())
    liveness.heard(7, plainBeat, clock.now())
    assert.deepEqual(liveness.takeChanged(), [7])
    assert.deepEqual(liveness.takeChanged(), [])
    await liveness.stop()
  })
})

async function asking(clock: FakeClock, journal: Journal, slots: readonly Slot[] = [0]) {
  const roster = createRoster()
  for (const one of slots) roster.learn({ ...serviceRow('agent', one === 0 ? 'a' : `a${one}`), seq: 1 })
  const liveness = createLiveness({ roster, config, journal, clock, logger: silentLogger, writer: 'asks' })
  await liveness.load()
  return liveness
}
