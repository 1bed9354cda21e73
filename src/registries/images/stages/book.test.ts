import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import type { AppError } from '../../../kernel/errors.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import type { Table } from '../../../kernel/table.ts'
import type { Version } from '../model.ts'
import { imageStages, imageTables } from '../tables.ts'
import type { Book } from './book.ts'
import { editionOf } from './definition.ts'
import { createBook } from './open.ts'
import { faultsOf } from './rules.ts'
import { stageFor } from './testing/stages.ts'

const key = 'shop/production'
const version = (tag: string): Version => ({ tag, digest: `sha256:${tag}`, at: null })
const surroundings = {
  registries: new Map([['main', { type: 'oci', times: false }]]),
  deployers: new Map([['docker', 'docker']]),
}

function createGround() {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: imageTables as unknown as readonly Table[] })
  const books: Book[] = []
  return {
    clock,
    journal,
    /** One of the process that begins now. */
    async open(stages = [stageFor()], shared = false): Promise<Book> {
      const book = createBook({
        journal: shared ? { ...journal, shared: true } : journal,
        clock,
        logger: silentLogger,
        stages,
        where: (path) => `regista.yaml:${path.length}:3`,
        settled: (stage) => stage,
        faultsOf: (stage) => faultsOf(stage, surroundings),
      })
      await book.start()
      books.push(book)
      return book
    },
    events: async () => (await journal.events({ type: 'stage.' })).map(({ type }) => type),
  }
}

test('the first look that saw all there is makes the baseline of a configuration', async () => {
  const ground = createGround()
  const book = await ground.open()
  await book.observed(key, { result: 'unreachable', detail: 'no answer', version: null })
  assert.equal(book.state(key).config, null)
  await book.observed(key, { result: 'first', detail: null, version: version('v1') })
  assert.equal(book.state(key).baseline?.tag, 'v1')
  await book.observed(key, { result: 'new', detail: null, version: version('v2') })
  assert.equal(book.state(key).baseline?.tag, 'v1')
  const changed = await ground.open([stageFor(key, { pattern: 'v*' })])
  assert.equal(changed.state(key).baseline?.tag, 'v1')
  await changed.observed(key, { result: 'unchanged', detail: null, version: version('v2') })
  assert.equal(changed.state(key).baseline?.tag, 'v2')
})

test('a look that found none of the tags to count leaves all that comes later as new', async () => {
  const book = await createGround().open()
  await book.observed(key, { result: 'no_match', detail: 'no tags', version: null })
  await book.observed(key, { result: 'new', detail: null, version: version('v1') })
  assert.equal(book.state(key).baseline, null)
  assert.equal(book.state(key).result, 'new')
})

test('a result that is as it was writes nothing; one that differs is told once', async () => {
  const ground = createGround()
  const book = await ground.open()
  await book.observed(key, { result: 'first', detail: null, version: version('v1') })
  const { seq } = await ground.journal.head()
  for (let look = 0; look < 3; look += 1) {
    await book.observed(key, { result: 'unchanged', detail: null, version: version('v1') })
    book.polledAt(key, ground.clock.now(), 'v1')
  }
  assert.equal((await ground.journal.head()).seq, seq)
  for (let look = 0; look < 3; look += 1) {
    await book.observed(key, { result: 'unreachable', detail: 'no answer', version: null })
  }
  await book.observed(key, { result: 'unchanged', detail: null, version: version('v1') })
  assert.deepEqual(await ground.events(), ['stage.observed', 'stage.observed', 'stage.observed'])
  assert.equal(book.state(key).result, 'unchanged')
})

test('times of polls are exact in memory, and written now and then and at the end', async () => {
  const ground = createGround()
  const book = await ground.open()
  await book.observed(key, { result: 'first', detail: null, version: version('v1') })
  const stored = async () => (await ground.journal.get(imageStages, { project: 'shop', stage: 'production' }))!
  book.polledAt(key, 1, 'v1')
  assert.equal(book.state(key).lastPolledAt, 1)
  assert.notEqual((await stored()).lastPolledAt, 1)
  await ground.clock.advance(5 * 60_000)
  assert.equal((await stored()).lastPolledAt, 1)
  book.polledAt(key, 2, 'v2')
  await ground.clock.drive(book.close())
  assert.deepEqual([(await stored()).lastPolledAt, (await stored()).lastPolledTag], [2, 'v2'])
  assert.equal(ground.clock.sleeping, 0)
})

test('all that was asked outlives the process, each with one event that names who asked', async () => {
  const ground = createGround()
  const book = await ground.open([stageFor(key, { approval: { count: 2 } })])
  await book.pin(key, { tag: 'v1', digest: 'd1', by: 'ann', reason: 'v2 leaks' })
  await book.pause(key, 'ann', null)
  await book.pause(key, 'bob', 'again')
  assert.equal(await book.approve(key, 'd1', 'ann'), 1)
  assert.equal(await book.approve(key, 'd1', 'ann'), 1)
  assert.equal(await book.approve(key, 'd1', 'bob'), 2)
  await book.ask(key, 'd1', 'ann', true)
  assert.equal(await book.again(key, 'ann'), 1)
  const after = (await ground.open()).state(key)
  assert.deepEqual(after, book.state(key))
  assert.equal(after.pin?.reason, 'v2 leaks')
  assert.equal(after.paused?.by, 'ann')
  assert.deepEqual(after.asked, { revision: 'd1', by: 'ann', force: true })
  await book.resume(key, 'ann')
  await book.unpin(key, 'ann')
  await book.unpin(key, 'ann')
  assert.deepEqual([book.state(key).pin, book.state(key).asked, book.state(key).paused], [null, null, null])
  const told = await ground.journal.events({ type: 'stage.' })
  assert.deepEqual(
    told.map(({ type, actor }) => `${type} ${actor}`),
    [
      'stage.pinned ann',
      'stage.paused ann',
      'stage.approved ann',
      'stage.approved bob',
      'stage.asked ann',
      'stage.repeated ann',
      'stage.resumed ann',
      'stage.unpinned ann',
    ],
  )
  assert.ok(told.every(({ sync, key: of }) => sync === 'docker' && of === key))
})

test('approvals count for the revision that they were given for, and as long as the stage says', async () => {
  const ground = createGround()
  const book = await ground.open([stageFor(key, { approval: { count: 2, within: '1h' } })])
  assert.equal(await book.approve(key, 'd1', 'ann'), 1)
  assert.equal(await book.approve(key, 'd2', 'bob'), 1)
  await ground.clock.advance(2 * 3_600_000)
  assert.equal(await book.approve(key, 'd2', 'ann'), 1)
  assert.equal(await book.approve(key, 'd2', 'bob'), 2)
})

test('what was asked for once is over when something newer comes, unless the stage is pinned', async () => {
  const book = await createGround().open()
  await book.observed(key, { result: 'first', detail: null, version: version('v1') })
  await book.ask(key, 'sha256:v1', 'ann', false)
  await book.observed(key, { result: 'unchanged', detail: null, version: version('v1') })
  assert.equal(book.state(key).asked?.revision, 'sha256:v1')
  await book.pin(key, { tag: 'v1', digest: 'sha256:v1', by: 'ann', reason: null })
  await book.observed(key, { result: 'new', detail: null, version: version('v2') })
  assert.equal(book.state(key).asked?.revision, 'sha256:v1')
  await book.unpin(key, 'ann')
  await book.ask(key, 'sha256:v2', 'ann', false)
  await book.observed(key, { result: 'new', detail: null, version: version('v3') })
  assert.equal(book.state(key).asked, null)
})

test('the API defines stages beside those of the config, and never in their place', async () => {
  const ground = createGround()
  const book = await ground.open()
  const seen: string[] = []
  book.subscribe((changed) => seen.push(changed))
  const mine = stageFor('shop/test', { approval: { count: 2, within: '1h' }, window: ['Sat 22:00-23:00'] }, 'api')
  await book.define(mine, 'ann', 'absent')
  assert.deepEqual(book.stage('shop/test'), mine)
  await assert.rejects(book.define(mine, 'ann', 'absent'), code('request.conflict'))
  const other = { ...mine, polling: false }
  await assert.rejects(book.define(other, 'ann', editionOf(other)), code('request.precondition'))
  await book.define(other, 'ann', editionOf(mine))
  assert.equal((await ground.open()).stage('shop/test')?.polling, false)
  await assert.rejects(book.define(stageFor(), 'ann', null), (thrown: AppError) => {
    assert.equal(thrown.data['place'], 'regista.yaml:4:3')
    return thrown.code === 'config.owned' && thrown.detail.includes('regista.yaml:4:3')
  })
  await assert.rejects(book.remove(key, 'ann'), code('config.owned'))
  await assert.rejects(book.remove('shop/test', 'ann', editionOf(mine)), code('request.precondition'))
  await book.remove('shop/test', 'ann')
  assert.equal(book.stage('shop/test'), null)
  await assert.rejects(book.remove('shop/test', 'ann'), code('request.not-found'))
  await assert.rejects(book.pause('shop/test', 'ann', null), code('request.not-found'))
  assert.deepEqual(seen, ['shop/test', 'shop/test', 'shop/test'])
})

test('all that is wrong with a stage is said at once', async () => {
  const book = await createGround().open()
  const wrong = stageFor('a/b', { registry: 'x', deployer: 'docker', workload: { name: 'w' } }, 'api')
  await assert.rejects(book.define(wrong, 'ann', null), (thrown: AppError) => {
    const problems = thrown.data['problems'] as { path: string }[]
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['registry', 'workload'],
    )
    return thrown.code === 'request.invalid'
  })
})

test('what is known of a stage that left the config is there when it comes back', async () => {
  const ground = createGround()
  const book = await ground.open()
  await book.observed(key, { result: 'first', detail: null, version: version('v1') })
  const without = await ground.open([])
  assert.equal(without.stage(key), null)
  assert.deepEqual(without.stages(), [])
  assert.equal((await ground.open()).state(key).baseline?.tag, 'v1')
})

test('replicas follow each other, and none overwrites what another wrote', async () => {
  const ground = createGround()
  const one = await ground.open([stageFor()], true)
  const other = await ground.open([stageFor()], true)
  const told: string[] = []
  other.subscribe((changed) => told.push(changed))
  await one.define(stageFor('shop/test', {}, 'api'), 'ann', 'absent')
  await one.pause(key, 'ann', null)
  // Written before it has heard of it.
  await other.pin(key, { tag: 'v1', digest: 'd1', by: 'bob', reason: null })
  assert.equal(other.state(key).paused?.by, 'ann')
  await ground.clock.advance(1_000)
  assert.equal(one.state(key).pin?.by, 'bob')
  assert.deepEqual(other.stage('shop/test'), one.stage('shop/test'))
  await one.remove('shop/test', 'ann')
  await ground.clock.advance(1_000)
  assert.equal(other.stage('shop/test'), null)
  assert.ok(told.includes('shop/test') && told.includes(key))
  const approvals = Promise.all([one.approve(key, 'd1', 'ann'), other.approve(key, 'd1', 'bob')])
  assert.deepEqual((await ground.clock.drive(approvals)).toSorted(), [1, 2])
  await ground.clock.advance(1_000)
  assert.deepEqual(one.state(key), other.state(key))
  await ground.clock.drive(Promise.all([one.close(), other.close()]))
  assert.equal(ground.clock.sleeping, 0)
})

function code(expected: string) {
  return (thrown: AppError) => thrown.code === expected
}
