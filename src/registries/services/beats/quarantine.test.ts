import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { refOf } from '../model.ts'
import { quarantine as table } from '../tables.ts'
import { anyone, beatOf, beatsOn } from './testing/ground.ts'

const admin = { actor: 'token:admin', reason: 'ours' }
const strict = { implicit: { policy: 'quarantine' } } as const
const ref = (text: string) => refOf(text)!
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected

describe('quarantine', () => {
  it('counts who asks again without writing each time', async () => {
    const ground = beatsOn(strict)
    const beat = beatOf('poller/p', '', { from: '10.0.0.9' })
    const firstAt = ground.clock.now()
    for (let n = 0; n < 5; n += 1) await ground.take([beat])
    const [first] = await ground.quarantine.list({ limit: 10 })
    assert.deepEqual([first?.count, first?.source, first?.by], [5, '10.0.0.9', 'token:edge'])
    const written = () => ground.journal.get(table, { type: 'poller', id: 'p' })
    assert.equal((await written())?.count, 1)
    await ground.clock.advance(60_000)
    await ground.take([beat], { ...anyone, name: 'token:other' })
    await ground.quarantine.stop()
    const row = await written()
    assert.deepEqual(row, {
      seq: row?.seq,
      type: 'poller',
      id: 'p',
      parent: '',
      kind: null,
      source: '10.0.0.9',
      by: 'token:other',
      firstAt,
      lastAt: ground.clock.now(),
      count: 6,
    })
    assert.deepEqual(await ground.events('quarantine.'), ['entered poller/p'])
  })

  it('registers whom a person approves, as pending until its next heartbeat', async () => {
    const ground = beatsOn(strict)
    await ground.take([beatOf('poller/p')])
    await ground.quarantine.approve(ref('poller/p'), admin)
    assert.equal(ground.statusOf('poller/p'), 'pending')
    assert.equal((await ground.row('poller/p'))?.source, 'implicit')
    assert.equal(ground.quarantine.size(), 0)
    assert.deepEqual(await ground.events('quarantine.'), ['entered poller/p', 'approved poller/p'])
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['activated'])
  })

  it('wants the parent approved first', async () => {
    const ground = beatsOn(strict)
    await ground.take([beatOf('poller/p'), beatOf('agent/a', 'p')])
    await assert.rejects(ground.quarantine.approve(ref('agent/a'), admin), code('services.parent'))
    assert.equal(ground.quarantine.size(), 2)
    await ground.quarantine.approve(ref('poller/p'), admin)
    await ground.quarantine.approve(ref('agent/a'), admin)
    assert.deepEqual(await ground.take([beatOf('agent/a', 'p')]), ['activated'])
  })

  it('forgets whom a person dismisses, until it asks again', async () => {
    const ground = beatsOn(strict)
    await ground.take([beatOf('poller/p')])
    await ground.quarantine.dismiss(ref('poller/p'), admin)
    assert.deepEqual(await ground.quarantine.list({ limit: 10 }), [])
    await assert.rejects(ground.quarantine.dismiss(ref('poller/p'), admin), code('request.not-found'))
    await assert.rejects(ground.quarantine.approve(ref('poller/p'), admin), code('request.not-found'))
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['quarantined'])
    const expected = ['entered poller/p', 'dismissed poller/p', 'entered poller/p']
    assert.deepEqual(await ground.events('quarantine.'), expected)
  })

  it('is decided on once, by whoever is quicker', async () => {
    const ground = beatsOn(strict)
    await ground.take([beatOf('poller/p')])
    const both = await Promise.allSettled([
      ground.quarantine.dismiss(ref('poller/p'), admin),
      ground.quarantine.dismiss(ref('poller/p'), admin),
    ])
    assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await ground.events('quarantine.'), ['entered poller/p', 'dismissed poller/p'])
  })

  it('lists by type and id, a page at a time', async () => {
    const ground = beatsOn(strict)
    await ground.take(['poller/b', 'poller/a', 'poller/c'].map((text) => beatOf(text)))
    await ground.take([beatOf('agent/z', 'a')])
    const ids = async (page: Parameters<typeof ground.quarantine.list>[0]) =>
      (await ground.quarantine.list(page)).map(({ type, id }) => `${type}/${id}`)
    assert.deepEqual(await ids({ limit: 2 }), ['agent/z', 'poller/a'])
    assert.deepEqual(await ids({ limit: 2, after: ref('poller/a') }), ['poller/b', 'poller/c'])
  })

  it('is read at start, so that nobody enters twice', async () => {
    const ground = beatsOn(strict)
    await ground.take([beatOf('poller/p')])
    const other = beatsOn(strict, () => ground.journal)
    await other.quarantine.load()
    assert.deepEqual(await other.take([beatOf('poller/p')]), ['quarantined'])
    assert.deepEqual(await other.events('quarantine.'), ['entered poller/p'])
  })
})

describe('quarantine of several replicas', () => {
  const replicas = () => {
    const first = beatsOn(strict, (journal) => ({ ...journal, shared: true }))
    const second = beatsOn(strict, () => first.journal)
    return { first, second, later: () => Promise.all([first.clock.advance(2_000), second.clock.advance(2_000)]) }
  }

  it('holds one that asks both of them once', async () => {
    const { first, second, later } = replicas()
    await Promise.all([first.quarantine.load(), second.quarantine.load()])
    await Promise.all([first.take([beatOf('poller/p')]), second.take([beatOf('poller/p')])])
    await later()
    assert.deepEqual(await second.take([beatOf('poller/p')]), ['quarantined'])
    assert.deepEqual(await first.events('quarantine.'), ['entered poller/p'])
    assert.deepEqual([first.quarantine.size(), second.quarantine.size()], [1, 1])
  })

  it('knows within a second of one that was dismissed elsewhere, and takes it in anew', async () => {
    const { first, second, later } = replicas()
    await Promise.all([first.quarantine.load(), second.quarantine.load()])
    await first.take([beatOf('poller/p')])
    await later()
    assert.deepEqual(await second.take([beatOf('poller/p')]), ['quarantined'])
    await second.quarantine.dismiss(ref('poller/p'), admin)
    await later()
    assert.deepEqual(await first.take([beatOf('poller/p')]), ['quarantined'])
    const expected = ['entered poller/p', 'dismissed poller/p', 'entered poller/p']
    assert.deepEqual(await first.events('quarantine.'), expected)
  })
})
