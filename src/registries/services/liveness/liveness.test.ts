import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFakeClock, type FakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { ServicesConfig } from '../config.ts'
import { createRoster } from '../roster/create.ts'
import { livenessLog, type ServiceRow } from '../tables.ts'
import type { Slot } from '../roster/roster.ts'
import { createLiveness } from './create.ts'
import { plainBeat, serviceRow } from './testing.ts'

const second = 1_000
let seq = 0
const row = (id: string, more: Partial<ServiceRow> = {}) => ({ ...serviceRow('agent', id, more), seq: (seq += 1) })

function setUp(
  options: { clock?: FakeClock; journal?: Journal; writer?: string; rows?: ReturnType<typeof row>[] } = {},
) {
  const clock = options.clock ?? createFakeClock()
  const journal = options.journal ?? createMemoryJournal({ clock, tables: [livenessLog] })
  const roster = createRoster()
  const slots = (options.rows ?? [row('a'), row('b')]).map((one) => roster.learn(one))
  const liveness = createLiveness({
    roster,
    config: ServicesConfig.parse({ inactive_after: { agent: '10m' } }),
    journal,
    clock,
    logger: silentLogger,
    writer: options.writer ?? 'one',
  })
  return { clock, journal, roster, liveness, slots, a: slots[0] as Slot, b: slots[1] as Slot }
}

describe('silence', () => {
  it('makes late after three intervals, and well again by a heartbeat', async () => {
    const { clock, liveness, a, b } = setUp()
    await liveness.load()
    liveness.start()
    await clock.advance(80 * second)
    liveness.heard(b, plainBeat, clock.now())
    assert.equal(liveness.isLate(a), false)
    await clock.advance(20 * second)
    assert.equal(liveness.isLate(a), true)
    assert.equal(liveness.isLate(b), false)
    assert.equal(liveness.counts().late, 1)
    assert.deepEqual(liveness.takeChanged(), [a])
    liveness.heard(a, plainBeat, clock.now())
    assert.equal(liveness.isLate(a), false)
    assert.deepEqual(liveness.takeChanged(), [a])
    await liveness.stop()
  })

  it('is overdue after its threshold, the longest first, until it is heard of or changed', async () => {
    const { clock, liveness, roster, a, b } = setUp()
    await liveness.load()
    liveness.start()
    await clock.advance(10 * second)
    liveness.heard(a, plainBeat, clock.now())
    await clock.advance(595 * second)
    assert.deepEqual(liveness.overdue(10), [b])
    await clock.advance(10 * second)
    assert.deepEqual(liveness.overdue(10), [b, a])
    assert.deepEqual(liveness.overdue(1), [b])
    liveness.heard(b, plainBeat, clock.now())
    assert.deepEqual(liveness.overdue(10), [a])
    roster.learn(row('a', { status: 'inactive' }))
    liveness.changed(a)
    assert.deepEqual(liveness.overdue(10), [])
    assert.equal(liveness.counts().tracked, 1)
    await liveness.stop()
  })
})

describe('the log', () => {
  it('has who was heard of within a second, for the next process', async () => {
    const first = setUp()
    await first.liveness.load()
    first.liveness.start()
    await first.clock.advance(5 * second)
    const boot = { at: first.clock.now() - 5, healthy: false, boot: 'x', sequence: 7 }
    first.liveness.heard(first.a, boot, first.clock.now())
    assert.equal(first.liveness.counts().dirty, 1)
    await first.clock.advance(second)
    assert.equal(first.liveness.counts().dirty, 0)

    const next = setUp({ clock: first.clock, journal: first.journal, writer: 'two' })
    await next.liveness.load()
    assert.deepEqual(next.liveness.seen(next.a), { lastSeen: boot.at, healthy: false, late: false })
    assert.equal(next.liveness.heard(next.a, boot, next.clock.now()), 'repeated')
    assert.equal(next.liveness.heard(next.a, { ...boot, sequence: 8 }, next.clock.now()), 'taken')
    assert.equal(next.liveness.heard(next.a, { ...boot, boot: 'y' }, next.clock.now()), 'restarted')
    await first.liveness.stop()
  })
})
