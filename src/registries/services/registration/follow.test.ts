import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../../../tests/parts/postgres.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { openPostgresJournal } from '../../../database/postgres/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { put, type Journal } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { senders, services } from '../tables.ts'
import { agree } from './testing-replay.ts'
import { admin, agent, checker, poller, registrationsOn } from './testing.ts'

const p = { type: 'poller', id: 'p' } as const
const a = { type: 'agent', id: 'a' } as const
const by = { ...admin, at: 2_000_000 }

function memory(): Journal {
  return createMemoryJournal({ clock: createFakeClock({ start: 1_000_000 }), tables: [services, senders] })
}

/** Two processes on one ledger; the second one can be made to act right before or after a call of the first. */
function replicas(journal = memory()) {
  const between: { select?: () => Promise<void>; selected?: () => Promise<void>; commit?: () => Promise<void> } = {}
  const once = async (what: keyof typeof between) => {
    const act = between[what]
    delete between[what]
    await act?.()
  }
  const first: Journal = {
    ...journal,
    shared: true,
    async select(table, query) {
      await once('select')
      const rows = await journal.select(table, query)
      await once('selected')
      return rows
    },
    async commit(facts, options) {
      await once('commit')
      return journal.commit(facts, options)
    },
  }
  return { journal, between, one: registrationsOn(first), two: registrationsOn({ ...journal, shared: true }) }
}

test('what another process registers, changes, moves and purges is known after following', async () => {
  const { journal, one, two } = replicas()
  await one.register(poller('p'))
  await one.register(poller('q'))
  await one.register(agent('a', 'p'))
  await two.registrations.follow()
  assert.equal(two.statusOf(a), 'pending')
  two.changed.length = 0
  await one.registrations.transit(one.slotOf(a), 'heartbeat', by)
  await one.registrations.edit(one.slotOf(a), { parent: 'q', interval: 9_000 }, admin, 5)
  await one.registrations.transit(one.slotOf(p), 'purge', { ...by, force: true })
  await two.registrations.follow()
  assert.deepEqual([two.statusOf(a), two.statusOf(p)], ['active', null])
  assert.ok(two.changed.includes(two.slotOf(a)))
  await agree(journal, [one.roster, two.roster])
})

test('what was loaded is not read again', async () => {
  const { journal, one, two } = replicas()
  await one.register(poller('p'))
  await two.registrations.load()
  assert.equal(two.statusOf(p), 'pending')
  let reads = 0
  const counting = registrationsOn({
    ...journal,
    shared: true,
    select: (...args) => {
      reads += 1
      return journal.select(...args)
    },
  } as Journal)
  await counting.registrations.load()
  const before = reads
  await counting.registrations.follow()
  assert.equal(reads, before)
})

test('started, it follows by itself; stopped, it does not', async () => {
  const { one, two } = replicas()
  two.registrations.start()
  await one.register(poller('p'))
  await two.clock.drive(
    (async () => {
      while (two.statusOf(p) === null) await two.clock.sleep(50)
    })(),
    10_000,
  )
  await two.registrations.stop()
  await one.register(poller('q'))
  await two.clock.advance(10_000)
  assert.equal(two.statusOf({ type: 'poller', id: 'q' }), null)
})

test('a ledger that cannot be read for a while is followed later', async () => {
  const { journal, one } = replicas()
  let away = true
  const events: Journal['events'] = (query) =>
    away ? Promise.reject(new AppError('journal.unavailable', 'away')) : journal.events(query)
  const two = registrationsOn({ ...journal, events, shared: true })
  two.registrations.start()
  await one.register(poller('p'))
  await two.clock.advance(500)
  assert.equal(two.statusOf(p), null)
  away = false
  await two.clock.advance(1_500)
  assert.equal(two.statusOf(p), 'pending')
  await two.registrations.stop()
})

test('two processes register one id: one is registered, the other unchanged or refused', async () => {
  const { journal, one, two } = replicas()
  const [first, second] = await Promise.all([one.register(poller('p')), two.register(poller('p'))])
  assert.deepEqual([first.result, second.result].toSorted(), ['registered', 'unchanged'])
  await one.registrations.follow()
  const other = poller('q', { spiffe: 'spiffe://td/q' })
  const both = await Promise.allSettled([one.register(poller('q')), two.register(other)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await Promise.all([one, two].map(({ registrations }) => registrations.follow()))
  await agree(journal, [one.roster, two.roster])
})

test('a parent that another process revokes at the very moment takes no child', async () => {
  const { between, one, two, journal } = replicas()
  await one.register(poller('p'))
  await two.registrations.load()
  between.commit = async () => void (await two.registrations.transit(two.slotOf(p), 'revoke', by))
  await assert.rejects(one.register(agent('a', 'p')), { code: 'services.parent' })
  assert.equal(one.statusOf(p), 'revoked')
  await two.registrations.follow()
  await agree(journal, [one.roster, two.roster])
})

test('a parent that another process registered or restored just now is found', async () => {
  const { one, two } = replicas()
  await one.register(poller('p'))
  const { result } = await two.register(agent('a', 'p'))
  assert.equal(result, 'registered')
  await one.registrations.transit(one.slotOf(p), 'revoke', by)
  await two.registrations.follow()
  await one.registrations.transit(one.slotOf(p), 'activate', by)
  await two.register(agent('b', 'p'))
  await assert.rejects(two.register(agent('c', 'none')), { code: 'services.parent' })
})

test('a purge sees the children that another process registered', async () => {
  const { one, two } = replicas()
  await one.register(poller('p'))
  await two.registrations.load()
  await two.register(agent('a', 'p'))
  await one.registrations.transit(one.slotOf(p), 'revoke', by)
  await assert.rejects(one.registrations.transit(one.slotOf(p), 'purge', by), { code: 'services.transition' })
  assert.deepEqual(await one.registrations.transitAll([one.slotOf(p)], 'purge', by), [])
})

test('revoked with all below it: also what another process registers there in the meantime', async () => {
  const { between, one, two } = replicas()
  await one.register(poller('p'))
  await two.registrations.load()
  between.commit = async () => void (await two.register(agent('a', 'p')))
  const ifSeq = (await one.row(p))!.seq
  await one.registrations.transit(one.slotOf(p), 'revoke', { ...by, cascade: true, ifSeq })
  assert.deepEqual([one.statusOf(p), one.statusOf(a)], ['revoked', 'revoked'])
})

test('a row that was read before it was purged here is not learned after it', async () => {
  const { between, one, journal } = replicas()
  await one.register(poller('p'))
  await one.registrations.follow()
  const purged = Promise.withResolvers<void>()
  let following: Promise<void> | undefined
  between.commit = async () => {
    // An event of another process that leaves the row as it is: it is read again, and the answer comes late.
    const event = { type: 'service.restarted', key: 'poller/p' }
    await journal.commit([put(senders, { ...p, what: 'restarted', at: 5 }, event)])
    const read = Promise.withResolvers<void>()
    between.selected = () => {
      read.resolve()
      return purged.promise
    }
    following = one.registrations.follow()
    await read.promise
  }
  await one.registrations.transit(one.slotOf(p), 'purge', { ...by, force: true })
  purged.resolve()
  await following
  assert.equal(one.statusOf(p), null)
})

test('a row that was not there when it was read, and is registered again by then, is kept', async () => {
  const { between, one, two, journal } = replicas()
  await one.register(poller('p'))
  await two.registrations.load()
  await two.registrations.transit(two.slotOf(p), 'purge', { ...by, force: true })
  between.selected = async () => {
    // A read of its own finds out that it is gone, and another registration is written at once.
    await one.registrations.transitAll([one.slotOf(p)], 'revoke', by)
    await one.register(poller('p'))
  }
  await one.registrations.follow()
  assert.equal(one.statusOf(p), 'pending')
  await agree(journal, [one.roster])
})

const skip = skipWithout('postgres', 'initdb')
let server: PostgresServer | undefined
before(async () => {
  if (!skip) server = await startPostgres()
})
after(() => server?.stop())

test('two processes on PostgreSQL come to know the same', { skip, timeout: 60_000 }, async () => {
  const url = await server!.createDatabase()
  const open = () => openPostgresJournal({ url, tables: [services], clock: systemClock, logger: silentLogger })
  const journals = await Promise.all([open(), open()])
  try {
    const [one, two] = [registrationsOn(journals[0]), registrationsOn(journals[1])]
    await Promise.all([one, two].map(({ registrations }) => registrations.load()))
    const family = (n: number) => [checker(`c${n}`, `a${n}`), agent(`a${n}`, 'p'), poller('p')]
    await Promise.all([
      ...Array.from({ length: 20 }, (_, n) => one.registrations.register(family(n), admin, 1)),
      ...Array.from({ length: 20 }, (_, n) => two.registrations.register(family(n + 10), admin, 1)),
    ])
    await Promise.all([
      one.registrations.transit(one.slotOf(p), 'revoke', { ...by, cascade: true }),
      two.registrations.transitAll(two.registrations.below(two.slotOf(p)), 'heartbeat', by),
    ])
    await Promise.all([one, two].map(({ registrations }) => registrations.follow()))
    await agree(journals[0], [one.roster, two.roster])
    assert.equal(one.roster.count('checker', 'revoked'), 30)
  } finally {
    await Promise.all(journals.map((journal) => journal.close()))
  }
})
