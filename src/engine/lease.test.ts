import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../database/memory/journal.ts'
import { AppError } from '../kernel/errors.ts'
import type { Journal } from './journal.ts'
import { createLeasehold, leaseLength } from './lease.ts'
import { engineTables, entries } from './tables.ts'
import { createFakeClock } from './testing/fake-clock.ts'

function setUp() {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: engineTables })
  const hold = (holder: string, from: Journal = journal) => createLeasehold(from, clock, 'house', holder)
  return { clock, journal, hold }
}

const fenced = (error: AppError) => error.code === 'journal.fenced'
const unanswered = () => Promise.reject(new AppError('journal.unavailable', 'no answer'))

test('one holder at a time; the next gets a greater token', async () => {
  const { hold } = setUp()
  const [one, two] = [hold('one'), hold('two')]
  assert.deepEqual([await one.acquire(), await two.acquire()], [true, false])
  assert.throws(() => two.fence(), fenced)
  const before = one.fence().token
  await one.release()
  assert.deepEqual([one.held(), await two.acquire()], [false, true])
  assert.ok(two.fence().token > before)
})

test('it is renewed for as long as it is held, with the same token', async () => {
  const { clock, hold } = setUp()
  const [one, two] = [hold('one'), hold('two')]
  await one.acquire()
  const { token } = one.fence()
  await clock.advance(10 * leaseLength)
  assert.deepEqual([one.fence().token, await two.acquire()], [token, false])
})

test('who cannot renew it stops before anybody else can get it', async () => {
  const { clock, journal, hold } = setUp()
  const cut: Journal = { ...journal }
  const [one, two] = [hold('one', cut), hold('two')]
  await one.acquire()
  await clock.advance(leaseLength / 3)
  cut.lease = unanswered
  for (let waited = 0; waited < 2 * leaseLength; waited += 250) {
    await clock.advance(250)
    const taken = await two.acquire()
    assert.ok(!(taken && one.held()), `both hold it after ${waited} ms`)
    if (!taken) continue
    assert.throws(() => one.fence(), fenced)
    return
  }
  assert.fail('nobody ever gets it')
})

test('a slow answer counts from when it was asked for', async () => {
  const { clock, journal, hold } = setUp()
  const slow: Journal = { ...journal }
  slow.lease = async (...about) => {
    const lease = await journal.lease(...about)
    await clock.sleep(leaseLength - 1_000)
    return lease
  }
  const one = hold('one', slow)
  assert.equal(await clock.drive(one.acquire()), true)
  await clock.advance(999)
  assert.equal(one.held(), true)
  await clock.advance(1)
  assert.equal(one.held(), false)
})

test('a few unanswered renewals are survived', async () => {
  const { clock, journal, hold } = setUp()
  const shaky: Journal = { ...journal }
  const one = hold('one', shaky)
  await one.acquire()
  shaky.lease = unanswered
  await clock.advance(leaseLength / 2)
  shaky.lease = journal.lease
  await clock.advance(2 * leaseLength)
  assert.equal(one.held(), true)
})

test('what was taken over is not taken back by a late renewal', async () => {
  const { clock, journal, hold } = setUp()
  const cut: Journal = { ...journal }
  const [one, two] = [hold('one', cut), hold('two')]
  await one.acquire()
  cut.lease = unanswered
  await clock.advance(leaseLength)
  await two.acquire()
  cut.lease = journal.lease
  await clock.advance(leaseLength)
  assert.deepEqual([one.held(), two.held()], [false, true])
})

test('callers that ask together, or again, get one answer', async () => {
  const { journal, hold } = setUp()
  let asked = 0
  const counting: Journal = {
    ...journal,
    lease: (...about) => {
      asked += 1
      return journal.lease(...about)
    },
  }
  const one = hold('one', counting)
  assert.deepEqual(await Promise.all([one.acquire(), one.acquire(), one.acquire()]), [true, true, true])
  assert.equal(await one.acquire(), true)
  assert.equal(asked, 1)
})

test('the ledger refuses what comes under an old token, even from who thinks that it holds', async () => {
  const { clock, journal, hold } = setUp()
  const one = hold('one')
  await one.acquire()
  const old = one.fence()
  await one.release()
  await hold('two').acquire()
  await assert.rejects(journal.commit([], { fence: old, quiet: [] }), fenced)
  assert.deepEqual(await journal.select(entries), [])
  await clock.settle()
})

test('after its release nothing is renewed any more', async () => {
  const { clock, hold } = setUp()
  const one = hold('one')
  await one.acquire()
  await one.release()
  assert.equal(clock.sleeping, 0)
})
