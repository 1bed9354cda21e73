import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { openSqliteJournal } from '../../../database/sqlite/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { quietly, type Journal } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger, type Logger } from '../../../kernel/logger.ts'
import { ServicesConfig } from '../config.ts'
import { createRoster } from '../roster/create.ts'
import { livenessLog } from '../tables.ts'
import { createLiveness } from './create.ts'
import { plainBeat, serviceRow } from './testing.ts'

const second = 1_000
const config = ServicesConfig.parse({})

function setUp(options: { count?: number; ids?: readonly string[] } = {}) {
  const ids = options.ids ?? Array.from({ length: options.count ?? 3 }, (_, n) => `a${n}`)
  const clock = createFakeClock()
  const ledger = createMemoryJournal({ clock, tables: [livenessLog] })
  const fault: { error: AppError | null; after: boolean; commits: number } = { error: null, after: false, commits: 0 }
  const journal: Journal = {
    ...ledger,
    async commit(facts, given) {
      fault.commits += 1
      if (fault.error && !fault.after) throw fault.error
      const done = await ledger.commit(facts, given)
      if (fault.error) throw fault.error
      return done
    },
  }
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (_, what) => void warnings.push(what), child: () => logger }
  const open = async (writer: string, more: { journal?: Journal; slack?: number; ids?: readonly string[] } = {}) => {
    const own = clock.fork()
    const roster = createRoster()
    ;(more.ids ?? ids).forEach((id, n) => roster.learn({ ...serviceRow('agent', id), seq: n + 1 }))
    const { ids: _, ...rest } = more
    const liveness = createLiveness({ roster, config, journal, clock: own, logger, writer, ...rest })
    await liveness.load()
    liveness.start()
    await clock.advance(second)
    return { roster, liveness, kill: () => own.stop(), at: (id: string) => roster.find('agent', id) }
  }
  const blobs = () => ledger.select(livenessLog)
  return { clock, ledger, journal, fault, warnings, open, blobs, ids }
}

describe('the liveness log', () => {
  it('is at most a second behind when a process is killed', async () => {
    const { clock, open } = setUp()
    const first = await open('one')
    const seen: number[] = []
    for (let round = 0; round < 10; round += 1) {
      seen[round % 3] = clock.now()
      first.liveness.heard(round % 3, plainBeat, clock.now())
      await clock.advance(1.5 * second)
    }
    first.kill()
    const next = await open('two')
    assert.deepEqual(
      [0, 1, 2].map((slot) => next.liveness.lastSeen(slot)),
      seen,
    )
    await next.liveness.stop()
  })

  it('is read again where that failed half-way', async () => {
    const { clock, ledger, journal, open, blobs } = setUp()
    const first = await open('one')
    for (let round = 0; round < 10; round += 1) {
      first.liveness.heard(round % 3, plainBeat, clock.now())
      await clock.advance(second)
    }
    first.kill()
    let fails = 2
    const flaky: Journal = {
      ...journal,
      async select(table, query) {
        if (query?.after && fails-- > 0) throw new AppError('journal.unavailable', 'gone')
        return ledger.select(table, query)
      },
    }
    const roster = createRoster()
    for (const n of [0, 1, 2]) roster.learn({ ...serviceRow('agent', `a${n}`), seq: n + 1 })
    const parts = { roster, config, journal: flaky, clock, logger: silentLogger, slack: 8_000 }
    const next = createLiveness({ ...parts, writer: 'two' })
    await assert.rejects(next.load())
    await assert.rejects(next.load())
    await next.load()
    for (const slot of [0, 1, 2]) assert.equal(next.lastSeen(slot), first.liveness.lastSeen(slot))
    // Counted once, the log is not yet worth writing anew.
    const before = (await blobs()).length
    next.start()
    await clock.advance(10 * second)
    assert.equal((await blobs()).length, before)
    await next.stop()
  })

  it('writes nothing while nobody is heard of', async () => {
    const { clock, open, fault, blobs } = setUp({ ids: [] })
    const { liveness } = await open('one')
    await clock.advance(3_600 * second)
    await liveness.stop()
    assert.equal(fault.commits, 0)
    assert.deepEqual(await blobs(), [])
  })

  it('writes its clock over one row while somebody is silent', async () => {
    const { clock, open, blobs } = setUp()
    const { liveness } = await open('one')
    await clock.advance(3_600 * second)
    assert.deepEqual(
      (await blobs()).map(({ n }) => n),
      [0, 1],
    )
    await liveness.stop()
  })

  it('loses nothing on a full disk, says how far behind it is, and goes on by itself', async () => {
    const { clock, open, fault, warnings } = setUp()
    const first = await open('one')
    fault.error = new AppError('journal.full', 'no space')
    for (let slot = 0; slot < 3; slot += 1) {
      first.liveness.heard(slot, { ...plainBeat, at: clock.now() }, clock.now())
      await clock.advance(20 * second)
    }
    const lastSeen = [0, 1, 2].map((slot) => first.liveness.lastSeen(slot))
    const { dirty, flushLag } = first.liveness.counts()
    assert.equal(dirty, 3)
    assert.ok(flushLag >= 60 * second && flushLag <= 61 * second, `${flushLag}`)
    assert.ok(fault.commits < 12, `${fault.commits} attempts`)
    assert.equal(warnings.length, 1)
    fault.error = null
    await clock.advance(30 * second)
    assert.deepEqual(first.liveness.counts(), { ...first.liveness.counts(), dirty: 0, flushLag: 0 })
    first.kill()
    const next = await open('two')
    assert.deepEqual(
      [0, 1, 2].map((slot) => next.liveness.lastSeen(slot)),
      lastSeen,
    )
    await next.liveness.stop()
  })

  it('writes again what may have been written, and drops both later', async () => {
    const { clock, open, fault, blobs } = setUp()
    const first = await open('one', { slack: 4_000 })
    fault.error = new AppError('journal.unavailable', 'gone at COMMIT', { data: { effect: 'unknown' } })
    fault.after = true
    first.liveness.heard(0, plainBeat, clock.now())
    await clock.advance(2 * second)
    fault.error = null
    await clock.advance(5 * second)
    const before = (await blobs()).length
    for (let round = 0; round < 20; round += 1) {
      first.liveness.heard(round % 3, plainBeat, clock.now())
      await clock.advance(second)
    }
    assert.ok(before >= 3)
    assert.ok((await blobs()).every(({ n }) => n > before))
    await first.liveness.stop()
  })

  it('leaves out a damaged blob, and tells of it', async () => {
    const { clock, ledger, open, warnings, blobs } = setUp()
    const first = await open('one')
    first.liveness.heard(0, plainBeat, clock.now())
    await clock.advance(second)
    first.liveness.heard(1, plainBeat, clock.now())
    const seenAt = clock.now()
    await clock.advance(second)
    first.kill()
    const rows = await blobs()
    const { writer, n, at, body: whole } = rows.at(-2)!
    const body = whole.slice()
    body[30]! ^= 1
    await ledger.commit([], { quiet: [quietly(livenessLog, { writer, at, body, n })] })
    await ledger.commit([], { quiet: [quietly(livenessLog, { writer, at, body: new Uint8Array(3), n: 99 })] })
    const next = await open('two')
    assert.equal(warnings.length, 2)
    assert.equal(next.liveness.seen(0).lastSeen, null)
    assert.equal(next.liveness.lastSeen(1), seenAt)
    await next.liveness.stop()
  })

  it('is written anew in stripes once it is much larger than what it says, and loses nobody', async () => {
    const { clock, open, blobs } = setUp({ count: 40_000 })
    const first = await open('one', { slack: 100_000 })
    for (let slot = 0; slot < 40_000; slot += 1) first.liveness.heard(slot, plainBeat, clock.now())
    const early = clock.now()
    let most = 0
    for (let round = 0; round < 30; round += 1) {
      await clock.advance(second)
      for (let slot = 0; slot < 8_000; slot += 1) first.liveness.heard(slot, plainBeat, clock.now())
      most = Math.max(
        most,
        (await blobs()).reduce((sum, { body }) => sum + body.length, 0),
      )
    }
    const late = clock.now()
    await clock.advance(second)
    const rows = await blobs()
    assert.ok(
      rows.every(({ n }) => n > 5),
      'the first ones are gone',
    )
    const full = 40_000 * 14
    assert.ok(most < 2 * full + 100_000 + 2 * full, `${most}`)
    first.kill()
    const next = await open('two')
    for (let slot = 0; slot < 40_000; slot += 100)
      assert.equal(next.liveness.lastSeen(slot), slot < 8_000 ? late : early)
    // What the one before left is dropped by the next.
    for (let round = 0; round < 60; round += 1) {
      for (let slot = 0; slot < 8_000; slot += 1) next.liveness.heard(slot, plainBeat, clock.now())
      await clock.advance(second)
      if (round === 20) assert.ok((await blobs()).some(({ writer }) => writer === 'two'))
    }
    await next.liveness.stop()
    const last = await open('three')
    for (let slot = 0; slot < 40_000; slot += 100) {
      if (slot >= 8_000) assert.equal(last.liveness.lastSeen(slot), early)
    }
    await last.liveness.stop()
  })

  it('fits a roster in another order, with some gone and some new', async () => {
    const { clock, open, ids } = setUp({ count: 500 })
    const first = await open('one')
    for (let slot = 0; slot < 500; slot += 3)
      first.liveness.heard(slot, { ...plainBeat, at: clock.now() - slot }, clock.now())
    const at = clock.now()
    await first.liveness.stop()
    const other = [...ids.slice(250).filter((_, n) => n % 7 !== 0), 'new', ...ids.slice(0, 250)]
    const next = await open('two', { ids: other })
    for (const id of other) {
      const n = Number(id.slice(1))
      assert.equal(next.liveness.seen(next.at(id)).lastSeen, n % 3 === 0 ? at - n : null, id)
    }
    await next.liveness.stop()
  })

  it('is read by the others who write to it, and written anew by one of them', async () => {
    const { clock, ledger, open, blobs } = setUp({ count: 100 })
    const journal: Journal = { ...ledger, shared: true }
    const one = await open('one', { journal, slack: 20_000 })
    const two = await open('two', { journal, slack: 20_000 })
    const gone = await open('gone', { journal, slack: 20_000 })
    gone.liveness.heard(99, { ...plainBeat, healthy: false }, clock.now())
    const goneAt = clock.now()
    await clock.advance(second)
    gone.kill()
    for (let round = 0; round < 120; round += 1) {
      const [at, other] = round % 2 === 0 ? [one, two] : [two, one]
      const now = clock.now()
      at.liveness.heard(round % 50, plainBeat, now)
      await clock.advance(2 * second)
      assert.equal(other.liveness.lastSeen(round % 50), now)
      assert.equal(other.liveness.isLate(round % 50), false)
    }
    await clock.advance(30 * second)
    const settled = new Set((await blobs()).map(({ writer, n }) => `${writer} ${n}`))
    await clock.advance(120 * second)
    const rows = await blobs()
    assert.deepEqual(
      rows.filter(({ writer, n }) => !settled.has(`${writer} ${n}`)),
      [],
      'then nobody writes',
    )
    assert.ok(rows.every(({ writer }) => writer !== 'gone'))
    assert.ok(rows.length < 100, `${rows.length} blobs`)
    assert.deepEqual({ ...two.liveness.seen(99), late: null }, { lastSeen: goneAt, healthy: false, late: null })
    const third = await open('three', { journal })
    for (let slot = 0; slot < 100; slot += 1) assert.equal(third.liveness.lastSeen(slot), one.liveness.lastSeen(slot))
    for (const { liveness } of [one, two, third]) await liveness.stop()
  })

  it('makes late ones well again that were heard of by another process', async () => {
    const { clock, ledger, open } = setUp()
    const journal: Journal = { ...ledger, shared: true }
    const one = await open('one', { journal })
    const two = await open('two', { journal })
    await clock.advance(100 * second)
    assert.equal(two.liveness.isLate(0), true)
    one.liveness.heard(0, { ...plainBeat, boot: 'x', sequence: 4 }, clock.now())
    await clock.advance(2 * second)
    assert.equal(two.liveness.isLate(0), false)
    assert.equal(two.liveness.heard(0, { ...plainBeat, boot: 'x', sequence: 4 }, clock.now()), 'repeated')
    assert.equal(two.liveness.counts().late, 2)
    for (const { liveness } of [one, two]) await liveness.stop()
  })

  it('stops within a bound though the ledger does not answer', async () => {
    const { clock, ledger, open } = setUp()
    const journal: Journal = { ...ledger, commit: () => new Promise(() => {}) }
    const { liveness } = await open('one', { journal })
    liveness.heard(0, plainBeat, clock.now())
    const before = clock.now()
    await clock.drive(liveness.stop())
    assert.ok(clock.now() - before <= 5 * second)
  })

  it('lasts in SQLite over a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'liveness-'))
    const { clock, open } = setUp({ count: 2_000 })
    try {
      const path = join(folder, 'regista.db')
      let journal = await openSqliteJournal({ path, tables: [livenessLog], clock, logger: silentLogger })
      const first = await open('one', { journal })
      for (let slot = 0; slot < 2_000; slot += 2) first.liveness.heard(slot, plainBeat, clock.now())
      const at = clock.now()
      // stop() flushes; the ledger's thread answers outside the fake time.
      await first.liveness.stop()
      await journal.close()
      journal = await openSqliteJournal({ path, tables: [livenessLog], clock, logger: silentLogger })
      const next = await open('two', { journal })
      for (let slot = 0; slot < 2_000; slot += 1) {
        assert.equal(next.liveness.seen(slot).lastSeen, slot % 2 === 0 ? at : null)
      }
      await next.liveness.stop()
      await journal.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
