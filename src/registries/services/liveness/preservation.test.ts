import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { put } from '../../../engine/journal.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { ServicesConfig } from '../config.ts'
import { createRoster } from '../roster/create.ts'
import type { Slot } from '../roster/roster.ts'
import { livenessLog, preservations, services, type ServiceRow } from '../tables.ts'
import { judge, type GroupState } from './brake.ts'
import { createLiveness } from './create.ts'
import { createPreservation, type Decision } from './preservation.ts'
import { plainBeat, serviceRow } from './testing.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** A registry whose services all have a threshold of an hour, and beat every 30 s unless they are down. */
async function site(agents: number, options: { pollers?: number; checkers?: number; config?: object } = {}) {
  const config = ServicesConfig.parse({
    inactive_after: { poller: '1h', agent: '1h', checker: '1h' },
    ...options.config,
  })
  const clock = createFakeClock()
  const shift = { wall: 0 }
  const shifted = { ...clock, now: () => clock.now() + shift.wall, sleep: clock.sleep, monotonic: clock.monotonic }
  const journal = createMemoryJournal({ clock: shifted, tables: [services, livenessLog, preservations] })
  const roster = createRoster()
  const rows: ServiceRow[] = []
  for (let p = 0; p < (options.pollers ?? 1); p += 1) {
    rows.push(serviceRow('poller', `p${p}`))
    for (let a = 0; a < agents; a += 1) {
      rows.push(serviceRow('agent', `p${p}a${a}`, { parent: `p${p}` }))
      for (let c = 0; c < (options.checkers ?? 0); c += 1) {
        rows.push(serviceRow('checker', `p${p}a${a}c${c}`, { parent: `p${p}a${a}` }))
      }
    }
  }
  const seqs = await journal.commit(rows.map((row) => put(services, row, { type: 'service.registered' })))
  rows.forEach((row, n) => roster.learn({ ...row, seq: seqs[n] as number }))
  const parts = { roster, config, journal, clock: shifted, logger: silentLogger }
  const liveness = createLiveness({ ...parts, writer: 'one' })
  const preservation = createPreservation({ ...parts, liveness })
  await liveness.load()
  liveness.start()

  const down = new Set<Slot>()
  const of = (id: string) => roster.find(id.includes('c') ? 'checker' : id.includes('a') ? 'agent' : 'poller', id)
  const beats = () => {
    for (let slot = 0; slot < roster.end; slot += 1) {
      if (down.has(slot) || roster.statusOf(slot) !== 'active') continue
      liveness.heard(slot, plainBeat, shifted.now())
    }
  }
  const turn = async (slot: Slot, status: ServiceRow['status'], reason: string) => {
    const key = `${roster.typeOf(slot)}/${roster.idOf(slot)}`
    const row = { ...rows[slot]!, status }
    const type = status === 'active' ? 'service.reactivated' : 'service.deactivated'
    const [seq] = await journal.commit([put(services, row, { type, sync: 'services', key, reason })])
    roster.turn(slot, status, shifted.now(), 1, seq as number)
    liveness.changed(slot)
  }
  /** As the job does it; says what went. */
  const run = async (fence?: { sync: string; token: number }): Promise<Decision> => {
    const decision = await preservation.decide(liveness.overdue(1e9), shifted.now(), fence ? { fence } : {})
    for (const { reason, slots } of decision.go) for (const slot of slots) await turn(slot, 'inactive', reason)
    return decision
  }
  /** Time passes; everybody who is not down beats, and the job runs every five minutes. */
  const begun = clock.now()
  const live = async (length: number, runs = true) => {
    for (const end = clock.now() + length; clock.now() < end;) {
      beats()
      await clock.advance(30 * second)
      if (runs && (clock.now() - begun) % (5 * minute) === 0) await clock.drive(run())
    }
  }
  const kill = (...ids: string[]) => ids.forEach((id) => down.add(of(id)))
  const revive = (...ids: string[]) => ids.forEach((id) => down.delete(of(id)))
  const inactive = () =>
    Array.from({ length: roster.end }, (_, slot) => slot)
      .filter((slot) => roster.statusOf(slot) === 'inactive')
      .map((slot) => roster.idOf(slot))
  const told = async () =>
    (await journal.events({ type: 'preservation.' })).map(({ type, key, reason }) => `${type} ${key} ${reason}`)
  return { clock, shift, liveness, preservation, journal, parts, live, run, kill, revive, inactive, told, turn, of }
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `p0a${from + n}`)

describe('self-preservation', () => {
  it('lets one of three go in time', async () => {
    const { live, kill, inactive, told, liveness } = await site(3)
    kill('p0a1')
    await live(hour - 5 * minute)
    assert.deepEqual(inactive(), [])
    await live(10 * minute)
    assert.deepEqual(inactive(), ['p0a1'])
    assert.deepEqual(await told(), [])
    await liveness.stop()
  })

  it('holds half of a group, and lets it go by time; afterwards another one goes without a hold', async () => {
    const { live, kill, inactive, told, liveness, preservation } = await site(10)
    kill(...ids(0, 5))
    await live(hour + 5 * minute)
    assert.deepEqual(inactive(), [])
    assert.deepEqual(
      preservation.held.map(({ group, silent, active }) => ({ group, silent, active })),
      [{ group: 'poller/p0', silent: 5, active: 10 }],
    )
    kill('p0a5')
    await live(hour - 5 * minute)
    assert.deepEqual(inactive(), [])
    await live(15 * minute)
    assert.deepEqual(inactive(), ids(0, 6))
    assert.deepEqual(await told(), [
      'preservation.started poller/p0 preservation-held',
      'preservation.ended poller/p0 preservation-expired',
    ])
    await liveness.stop()
  })

  it('ends the hold when beats come back; who stays silent goes', async () => {
    const { live, kill, revive, inactive, told, liveness } = await site(20)
    kill(...ids(0, 10))
    await live(hour + 10 * minute)
    revive(...ids(1, 10))
    await live(10 * minute)
    assert.deepEqual(inactive(), ['p0a0'])
    assert.deepEqual((await told()).slice(1), ['preservation.ended poller/p0 preservation-recovered'])
    await liveness.stop()
  })

  it('lets a group go when an admin accepts the losses, also by way of another process', async () => {
    const { live, kill, inactive, told, liveness, preservation, parts } = await site(10)
    kill(...ids(0, 5))
    await live(hour + 10 * minute)
    const other = createPreservation({ ...parts, liveness })
    assert.equal(await preservation.release('poller/p9', { actor: 'token:root' }), false)
    assert.equal(await other.release('poller/p0', { actor: 'token:root', reason: 'gone for good' }), true)
    await live(5 * minute)
    assert.deepEqual(inactive(), ids(0, 5))
    assert.deepEqual((await told()).slice(1), ['preservation.ended poller/p0 preservation-released'])
    await liveness.stop()
  })

  it('does not let a slow drip pass: what went within the window counts', async () => {
    const { live, kill, inactive, liveness, preservation } = await site(100)
    await live(30 * second)
    for (const from of [0, 8, 16]) {
      kill(...ids(from, from + 8))
      await live(5 * minute)
    }
    await live(hour - 15 * minute + 4.5 * minute)
    assert.equal(inactive().length, 8)
    await live(30 * minute)
    assert.deepEqual(preservation.held.length, 1)
    assert.equal(inactive().length, 8)
    await liveness.stop()
  })

  it('counts what another process let go within the window', async () => {
    const { live, kill, inactive, liveness, parts, clock, run } = await site(100)
    kill(...ids(0, 14))
    await live(hour + 5 * minute)
    assert.equal(inactive().length, 14)
    const other = createPreservation({ ...parts, liveness })
    const overdue = ids(14, 20).map((id) => parts.roster.find('agent', id))
    const decision = await clock.drive(
      other.decide(overdue, clock.now(), { fence: { sync: 'x', token: 7 }, dryRun: true }),
    )
    assert.equal(decision.withheld, 6)
    assert.equal((await clock.drive(run())).withheld, 0)
    await liveness.stop()
  })

  it('does not count whom an admin deactivated', async () => {
    const { live, kill, inactive, liveness, turn, of, parts, clock } = await site(10)
    kill('p0a0')
    await live(hour - 5 * minute)
    for (const id of ids(1, 6)) await turn(of(id), 'inactive', 'service-retired')
    await live(5 * minute + 30 * second, false)
    // A process that did not see it reads the events.
    const other = createPreservation({ ...parts, liveness })
    const [silent] = (await clock.drive(other.decide(liveness.overdue(10), clock.now()))).go
    assert.deepEqual(silent!.slots, [of('p0a0')])
    await live(5 * minute)
    assert.deepEqual(inactive(), ids(0, 6))
    await liveness.stop()
  })

  it('counts children of a silent parent there, and hands them out after it, in one run', async () => {
    const { live, kill, inactive, liveness, preservation, of, clock, run } = await site(10, { checkers: 2 })
    kill('p0', ...ids(0, 10), ...ids(0, 10).flatMap((id) => [`${id}c0`, `${id}c1`]))
    await live(hour - 5 * minute)
    await clock.advance(6 * minute)
    const backwards = liveness.overdue(100).toReversed()
    const planned = await clock.drive(preservation.decide(backwards, clock.now(), { dryRun: true }))
    assert.equal(planned.go[2]!.slots.length, 30)
    const decision = await clock.drive(run())
    assert.deepEqual(
      decision.go.map(({ reason, slots }) => [reason, slots.length]),
      [
        ['service-silent', 1],
        ['service-loss-accepted', 0],
        ['service-parent-silent', 30],
      ],
    )
    assert.deepEqual([...decision.unreachable], [[of('p0'), 30]])
    assert.equal(inactive().length, 31)
    await liveness.stop()
  })

  it('keeps children back while their parent is only late, or held', async () => {
    const { live, kill, inactive, liveness, preservation } = await site(1, {
      pollers: 4,
      config: { inactive_after: { poller: '2h', agent: '1h', checker: '1h' } },
    })
    for (const p of [0, 1, 2, 3]) kill(`p${p}`, `p${p}a0`)
    await live(2 * hour - 5 * minute)
    assert.deepEqual(inactive(), [])
    await live(10 * minute)
    assert.deepEqual(inactive(), [])
    assert.deepEqual(
      preservation.held.map(({ group, silent }) => [group, silent]),
      [['pollers', 4]],
    )
    await live(hour + 10 * minute)
    assert.equal(inactive().length, 8)
    await liveness.stop()
  })

  it('takes pollers by site where that is configured', async () => {
    const { kill, live, parts, liveness, clock, of } = await site(0, { pollers: 8 })
    const config = ServicesConfig.parse({ preservation: { group_by: 'site' } })
    const siteOf = (slot: Slot) => (slot < 4 ? 'x' : null)
    const bySite = createPreservation({ ...parts, config, liveness, siteOf })
    kill('p0', 'p1', 'p2', 'p4')
    await live(hour - 5 * minute)
    await clock.advance(7 * minute)
    const decision = await clock.drive(bySite.decide([of('p0'), of('p1'), of('p2'), of('p4')], clock.now()))
    assert.deepEqual(
      decision.held.map(({ group, active }) => [group, active]),
      [['pollers/x', 4]],
    )
    assert.deepEqual(decision.go[0]!.slots, [of('p4')])
    await liveness.stop()
  })

  it('moves nobody for a jump of the wall clock', async () => {
    const { live, inactive, shift, liveness } = await site(5)
    await live(10 * minute)
    shift.wall = 2 * hour
    await live(10 * minute)
    shift.wall = -2 * hour
    await live(10 * minute)
    assert.deepEqual(inactive(), [])
    assert.equal(liveness.counts().late, 0)
    await liveness.stop()
  })

  it('writes nothing on a dry run', async () => {
    const { live, kill, told, liveness, parts, clock } = await site(10)
    kill(...ids(0, 5))
    await live(hour + 5 * minute, false)
    const other = createPreservation({ ...parts, liveness })
    const dry = await clock.drive(other.decide(liveness.overdue(100), clock.now(), { dryRun: true }))
    assert.equal(dry.withheld, 5)
    assert.deepEqual(await told(), [])
    await liveness.stop()
  })
})

const rules = { share: 0.15, least: 3, release_after: hour }

describe('the brake', () => {
  it('never lets more than its share go within a window, except by letting a group go', () => {
    const step = fc.record({
      dying: fc.nat({ max: 40 }),
      back: fc.nat({ max: 40 }),
      pass: fc.nat({ max: 30 * minute }),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(step, { maxLength: 30 }), (size, steps) => {
        let now = 0
        let active = size
        let silent = 0
        let holds: Parameters<typeof judge>[0] = []
        const gone: { at: number; count: number }[] = []
        for (const { dying, back, pass } of steps) {
          now += pass
          silent = Math.min(active, Math.max(0, silent + dying - back))
          const recent = gone.filter(({ at }) => at >= now - 10 * minute).reduce((sum, { count }) => sum + count, 0)
          const state: GroupState = { silent, active, recent, accepted: false }
          const verdict = judge(holds, silent > 0 ? new Map([['g', state]]) : new Map(), rules, now)
          assert.equal(verdict.started.length + holds.length, verdict.held.size + verdict.ended.length)
          for (const { since, until } of verdict.held.values()) assert.ok(now < until && since <= now)
          if (!verdict.held.has('g')) {
            const allowed = Math.max(rules.least - 1, rules.share * (active + recent))
            if (!verdict.accepted.has('g')) {
              if (silent > 0) assert.ok(silent + recent <= allowed)
              gone.push({ at: now, count: silent })
            } else assert.ok(verdict.ended.some(({ why, hold }) => why === 'expired' && hold.since + hour <= now))
            active -= silent
            silent = 0
          }
          holds = [...verdict.held.values()]
        }
      }),
      { numRuns: 500 },
    )
  })
})
