/** What is durable of webhooks: over replicas, over a day, and where the ledger fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fact, Journal } from '../../../engine/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { imageHookEvents } from '../tables.ts'
import { followHookEvents, type Taken } from './follow.ts'
import * as from from './testing/deliveries.ts'
import { hooksGround, journalInMemory, type GroundOptions } from './testing/hooks-ground.ts'
import { silentLogger } from '../../../kernel/logger.ts'

const hooks = { gitea: { type: 'gitea', registry: 'forge', secrets: [from.secret] } }

test('every replica learns of what any of them took, once', async () => {
  const clock = createFakeClock()
  const journal: Journal = { ...journalInMemory(clock), shared: true }
  const [one, other] = [hooksGround({ hooks, journal, clock }), hooksGround({ hooks, journal, clock })]
  await one.post('gitea', from.fromGitea({ id: 'before anybody follows' }))
  one.hints.length = 0
  await clock.drive(Promise.all([one.hooks.start(), other.hooks.start()]))
  await one.post('gitea', from.fromGitea({ id: '1' }))
  await other.post('gitea', from.fromGitea({ id: '1' }))
  await other.post('gitea', from.fromGitea({ id: '2', version: 'v2' }))
  await clock.advance(1_000)
  const expected = ['forge/team/shop:v1.2.3', 'forge/team/shop:v2']
  assert.deepEqual([one.hints.toSorted(), other.hints.toSorted()], [expected, expected])
  assert.equal(other.hooks.recent().length, 3)
  await clock.drive(Promise.all([one.hooks.close(), other.hooks.close()]))
  assert.equal(clock.sleeping, 0)
})

test('a replica that knows a stage sooner looks for what another one could match with nothing', async () => {
  const clock = createFakeClock()
  const journal: Journal = { ...journalInMemory(clock), shared: true }
  const behind = hooksGround({ hooks, journal, clock, stages: [] })
  const ahead = hooksGround({ hooks, journal, clock })
  await clock.drive(ahead.hooks.start())
  await behind.post('gitea', from.fromGitea())
  await clock.advance(1_000)
  assert.deepEqual([behind.hints, ahead.hints], [[], ['forge/team/shop:v1.2.3']])
  await clock.drive(ahead.hooks.close())
})

test('whoever follows the ledger is told of each push', async () => {
  const ground = hooksGround({ hooks })
  const { journal, clock } = ground
  const seen: Taken[] = []
  const following = followHookEvents({ journal, clock, logger: silentLogger, onEvent: (event) => seen.push(event) })
  await following.start()
  await ground.post('gitea', from.fromGitea())
  await clock.advance(1_000)
  const { hook, id, registry, image, tag, matched } = seen[0]!
  assert.deepEqual(
    [seen.length, hook, id, registry, image, tag, matched],
    [1, 'gitea', '6a1f-1', 'forge', 'team/shop', 'v1.2.3', 1],
  )
  await clock.drive(following.stop())
})

test('what was told of last is shown after a restart, too', async () => {
  const before = hooksGround({ hooks })
  const { journal, clock } = before
  await before.post('gitea', from.fromGitea({ id: '1' }))
  await before.post('gitea', from.fromGitea({ id: '2', name: 'other' }))
  const after = hooksGround({ hooks, journal, clock })
  await after.hooks.start()
  assert.deepEqual(after.hooks.recent(), before.hooks.recent())
  assert.equal(after.hooks.describe()[0]?.last?.image, 'team/other')
  assert.deepEqual(after.hints, [])
})

test('rows are kept for a day, and dropped in small steps', async () => {
  const ground = hooksGround({ hooks })
  const { clock, journal } = ground
  for (let n = 0; n < 700; n += 1) await ground.post('gitea', from.fromGitea({ id: `old-${n}` }))
  await clock.advance(23 * 3_600_000)
  await ground.post('gitea', from.fromGitea({ id: 'old-0' }))
  await clock.settle()
  assert.equal((await journal.select(imageHookEvents)).length, 700)
  await clock.advance(2 * 3_600_000)
  await ground.post('gitea', from.fromGitea({ id: 'new-0' }))
  await clock.settle()
  assert.equal((await journal.select(imageHookEvents)).length, 201)
  await ground.post('gitea', from.fromGitea({ id: 'new-1' }))
  await clock.settle()
  const left = (await journal.select(imageHookEvents)).map(({ id }) => id)
  assert.deepEqual(left, ['new-0', 'new-1'])
})

test('what nobody follows does not fill the ledger', async () => {
  const ground = hooksGround({ hooks, stages: [] })
  for (let n = 0; n < 150; n += 1) {
    const { body } = await ground.post('gitea', from.fromGitea({ id: `n${n}` }))
    assert.deepEqual(body, { accepted: 0, repeated: 0, unmatched: 1, ignored: 0 })
  }
  assert.equal((await ground.journal.select(imageHookEvents)).length, 100)
  assert.equal(ground.hooks.describe()[0]?.counts.unmatched, 150)
})

function failing(more: Partial<GroundOptions>, commit: (next: () => Promise<never>) => Promise<never>) {
  const clock = createFakeClock()
  const memory = journalInMemory(clock)
  const journal: Journal = {
    ...memory,
    commit: (facts: readonly Fact[]) => commit(() => memory.commit(facts) as Promise<never>),
  }
  return hooksGround({ hooks, journal, clock, ...more })
}

test('where it cannot be written the sender hears so, and somebody looks all the same', async () => {
  const broken = new AppError('journal.unavailable', 'gone', { data: { effect: 'unknown' } })
  const ground = failing({}, () => Promise.reject(broken))
  assert.equal((await ground.post('gitea', from.fromGitea())).status, 503)
  assert.deepEqual(ground.hints, ['forge/team/shop:v1.2.3'])
})

test('a ledger that does not answer holds nobody for long', async () => {
  const ground = failing({}, () => new Promise(() => {}))
  const answer = await ground.clock.drive(ground.post('gitea', from.fromGitea()), 6_000)
  assert.equal(answer.error?.code, 'timed-out')
  assert.equal(ground.hints.length, 1)
})

test('no more wait to be written than a bound', async () => {
  const held = Promise.withResolvers<void>()
  const ground = failing({ mostWaiting: 2 }, async (next) => {
    await held.promise
    return next()
  })
  const [one, two, three] = ['1', '2', '3'].map((id) => ground.post('gitea', from.fromGitea({ id })))
  assert.equal((await three)?.status, 503)
  assert.equal(ground.hints.length, 0)
  held.resolve()
  assert.deepEqual([(await one)?.status, (await two)?.status], [202, 202])
  assert.equal((await ground.post('gitea', from.fromGitea({ id: '3' }))).status, 202)
  assert.deepEqual([ground.hints.length, ground.counted.filter((one) => one === 'gitea too-many').length], [3, 1])
})

test('acceptance 7: one push told of twenty times at once, at two replicas, is one row and one hint for each', async () => {
  const clock = createFakeClock()
  const journal: Journal = { ...journalInMemory(clock), shared: true }
  const grounds = [hooksGround({ hooks, journal, clock }), hooksGround({ hooks, journal, clock })]
  await clock.drive(Promise.all(grounds.map(({ hooks }) => hooks.start())))
  const posts = Array.from({ length: 20 }, (_, n) => grounds[n % 2]!.post('gitea', from.fromGitea()))
  const answers = await Promise.all(posts)
  await clock.advance(1_000)
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202])
  assert.equal((await journal.select(imageHookEvents)).length, 1)
  assert.deepEqual(
    grounds.map(({ hints }) => hints),
    [['forge/team/shop:v1.2.3'], ['forge/team/shop:v1.2.3']],
  )
  await clock.drive(Promise.all(grounds.map(({ hooks }) => hooks.close())))
})
