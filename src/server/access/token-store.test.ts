import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import type { Journal } from '../../engine/journal.ts'
import { AppError } from '../../kernel/errors.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { memoryJournal } from '../testing/serve.ts'
import { addToken } from '../testing/tokens.ts'
import { bootstrapId, tokens } from './token.ts'
import { createTokenStore } from './token-store.ts'

const ask = { name: 'ci', role: 'viewer', scopes: null, subject: null, expiresAt: null } as const
const unauthenticated = (thrown: unknown) => thrown instanceof AppError && thrown.code === 'request.unauthenticated'

function parts() {
  const clock = createFakeClock()
  const journal = memoryJournal(clock)
  const store = (over: Journal = journal) =>
    createTokenStore({ journal: over, clock, logger: silentLogger, randomBytes })
  return { clock, journal, store }
}

test('what another replica makes and revokes is known here within half a second', async () => {
  const { clock, store } = parts()
  const [here, there] = [store(), store()]
  await Promise.all([here.start(), there.start()])
  const { row, text } = await there.create(ask, 'somebody')
  assert.throws(() => here.verify(text), unauthenticated)
  await clock.advance(500)
  const credential = here.verify(text)
  assert.equal(credential.caller.name, 'token:ci')
  await there.revoke(row.id, 'somebody')
  assert.throws(() => there.verify(text), unauthenticated)
  assert.equal(credential.valid(), true)
  await clock.advance(500)
  assert.equal(credential.valid(), false)
  assert.throws(() => here.verify(text), unauthenticated)
  await Promise.all([here.stop(), there.stop()])
})

test('a revocation is not undone by an older answer that arrives late', async () => {
  const { clock, journal, store } = parts()
  const late = Promise.withResolvers<void>()
  let delay = false
  const slow: Journal = {
    ...journal,
    async select(table, query) {
      const rows = await journal.select(table, query)
      if (delay) await late.promise
      return rows
    },
  }
  const one = store(slow)
  await one.start()
  const { row, text } = await one.create(ask, 'somebody')
  delay = true
  await clock.advance(250)
  await one.revoke(row.id, 'somebody')
  late.resolve()
  await clock.settle()
  assert.throws(() => one.verify(text), unauthenticated)
  await one.stop()
})

test('a database that does not answer delays what others revoke, and no longer', async () => {
  const { clock, journal, store } = parts()
  let broken = false
  const flaky: Journal = {
    ...journal,
    select: (table, query) =>
      broken ? Promise.reject(new AppError('journal.unavailable', 'no answer')) : journal.select(table, query),
  }
  const here = store(flaky)
  await here.start()
  broken = true
  const text = await addToken(journal)
  await clock.advance(5000)
  assert.throws(() => here.verify(text), unauthenticated)
  broken = false
  await clock.advance(1500)
  assert.doesNotThrow(() => here.verify(text))
  await here.stop()
})

test('use is written now and then, as bookkeeping', async () => {
  const { clock, journal, store } = parts()
  const one = store()
  await one.start()
  const { row, text } = await one.create(ask, 'somebody')
  const used = async () => (await journal.get(tokens, { id: row.id }))!.lastUsedAt
  const { seq } = await journal.head()
  one.verify(text)
  const first = clock.now()
  assert.equal(await used(), null)
  await clock.advance(60_000)
  assert.equal(await used(), first)
  one.verify(text)
  await clock.advance(60_000)
  assert.equal(await used(), first)
  await clock.advance(300_000)
  one.verify(text)
  await one.stop()
  assert.ok((await used())! > first)
  assert.equal((await journal.head()).seq, seq)
})

test('a token ends on the minute it says', async () => {
  const { clock, store } = parts()
  const one = store()
  await one.start()
  const { text } = await one.create({ ...ask, expiresAt: clock.now() + 1000 }, 'somebody')
  const credential = one.verify(text)
  await clock.advance(999)
  assert.ok(credential.valid())
  await clock.advance(1)
  assert.ok(!credential.valid())
  assert.throws(() => one.verify(text), unauthenticated)
  await one.stop()
})

test('of replicas that start together one makes the first token', async () => {
  const { store } = parts()
  const stores = [store(), store(), store()]
  const made = await Promise.all(stores.map((one) => one.createOnce(bootstrapId, ask, 'server')))
  assert.equal(made.filter((one) => one !== null).length, 1)
})
