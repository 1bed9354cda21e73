/** One receiver, told over a ledger in memory by a clock that the test moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Webhook } from '../connectors/webhook/send.ts'
import { createMemoryJournal } from '../database/memory/journal.ts'
import { put, type EventDraft, type Fence } from '../engine/journal.ts'
import { deliveries, engineTables, scopes, targets, type DeliveryRow } from '../engine/tables.ts'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { AppError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logger.ts'
import type { Table } from '../kernel/table.ts'
import type { Hook } from '../registries/hooks.ts'
import { notices } from './tables.ts'
import { createTeller, type Teller } from './teller.ts'

const answered = (status: number, retryAfter: number | null = null): Answer => {
  return { status, retryAfter, location: null, text: '' }
}

const tables = [...engineTables, notices] as unknown as readonly Table[]
const { signal } = new AbortController()
const sync = 'catalog'

interface Told {
  readonly id: string
  readonly ok: boolean
  readonly from: number
  readonly to: number
  readonly counts: Record<string, number>
  readonly changes: readonly Record<string, string>[]
  readonly truncated: boolean
  readonly commit?: string
}

/** The rows of the one thing that notices look at besides events: what is not well. */
const delivery = (key: string, state: string) =>
  ({ sync, target: 't', key, state, op: 'put', attempts: 0, epoch: 1 }) as unknown as DeliveryRow

async function createGround(on: Hook['on'] = 'changes') {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables })
  const lease = (await journal.lease(sync, 'one', 1e12))!
  let fence: Fence | null = { sync, token: lease.token }
  let running = false
  let url = 'https://receiver.example/a'
  const sent: Webhook[] = []
  const counts: string[] = []
  /** A row that stays as it is makes no event. */
  let ticks = 0
  let answer: () => Promise<Answer> = () => Promise.resolve(answered(204))
  const createOne = (): Teller => {
    const hook: Hook = { name: 'r', url, secrets: ['s'], on, headers: {}, timeout: 1_000 }
    return createTeller({
      journal,
      clock,
      random: () => 0.5,
      logger: silentLogger,
      engine: { fence: () => fence, status: () => Promise.resolve({ running } as never) },
      send: (webhook) => {
        sent.push(webhook)
        return answer()
      },
      hook: { ...hook, sync, registry: 'capabilities' },
      began: async () => (await journal.head()).seq,
      count: (result) => void counts.push(result),
    })
  }
  let teller = createOne()
  const ground = {
    clock,
    journal,
    sent,
    counts,
    pending: () => teller.pending(),
    /** Another process, or the same one started again. */
    restart(address = url) {
      url = address
      teller = createOne()
    },
    own: (owns: boolean) => void (fence = owns ? { sync, token: lease.token } : null),
    run: (runs: boolean) => void (running = runs),
    answers: (with_: number | AppError, retryAfter: number | null = null) =>
      void (answer = () =>
        typeof with_ === 'number' ? Promise.resolve(answered(with_, retryAfter)) : Promise.reject(with_)),
    async event(type: string, more: Partial<EventDraft> = {}, state = 'applied') {
      const key = more.key ?? 'a'
      const event: EventDraft = { type, sync, target: 't', key, ...more }
      await journal.commit([put(deliveries, { ...delivery(key, state), detail: String((ticks += 1)) }, event)])
    },
    /** As often as there is something to do within this time. */
    async work(bound: number) {
      const until = clock.now() + bound
      for (;;) {
        const wait = await teller.turn(signal)
        if (wait === null || clock.now() + wait > until) return wait
        await clock.advance(wait)
      }
    },
    turn: () => teller.turn(signal),
    told: () => sent.map(({ body }) => (JSON.parse(body) as { data: Told }).data),
    row: () => journal.get(notices, { sync, hook: 'r' }),
  }
  await ground.turn()
  return ground
}

test('what happens together is one notice, once no pass runs any more', async () => {
  const ground = await createGround()
  const { seq } = await ground.journal.head()
  ground.run(true)
  await ground.event('entry.changed', { data: { note: { commit: 'c0ffee' } } })
  await ground.event('delivery.applied', { data: { label: '1.0' } })
  assert.equal(await ground.work(5_000), 300)
  assert.equal(ground.sent.length, 0)
  assert.equal(ground.pending(), true)
  await ground.event('delivery.applied', { key: 'b' })
  await ground.event('delivery.removed', { key: 'a' })
  await ground.event('delivery.waiting', { key: 'c' }, 'waiting')
  ground.run(false)
  await ground.work(1_000)
  const told = ground.told()[0]
  assert.ok(told)
  assert.equal(ground.sent[0]?.id, told.id)
  assert.deepEqual([told.from, told.to, told.ok, told.commit], [seq, seq + 5, true, 'c0ffee'])
  assert.deepEqual(
    Object.entries(told.counts).filter(([, count]) => count > 0),
    [
      ['applied', 2],
      ['removed', 1],
    ],
  )
  assert.deepEqual(told.changes, [
    { target: 't', key: 'b', outcome: 'applied' },
    { target: 't', key: 'a', outcome: 'removed' },
  ])
  assert.deepEqual([ground.sent.length, ground.counts, ground.pending()], [1, ['sent'], false])
})

test('a pass that does not end is told of all the same, after half a minute', async () => {
  const ground = await createGround()
  ground.run(true)
  await ground.event('delivery.applied')
  await ground.work(29_000)
  assert.equal(ground.sent.length, 0)
  await ground.work(2_000)
  assert.equal(ground.sent.length, 1)
})

test('what happened before there was a receiver, and what changes nothing, is not told', async () => {
  const ground = await createGround()
  for (const type of ['entry.changed', 'delivery.adopted', 'delivery.sent', 'scope.appeared']) await ground.event(type)
  assert.equal(await ground.work(60_000), null)
  assert.equal(ground.sent.length, 0)
})

test('ten answers of 500, a timeout and a dead connection: the same id and bytes each time, and the next notice waits', async () => {
  const ground = await createGround()
  ground.answers(500)
  await ground.event('delivery.applied')
  const until = async (tries: number) => {
    while (ground.sent.length < tries) await ground.work(400_000)
  }
  await until(1)
  await ground.event('delivery.applied', { key: 'next' })
  while (ground.sent.length < 10) await ground.clock.advance((await ground.turn()) ?? 0)
  ground.answers(new AppError('timed-out', 'webhook'))
  while (ground.sent.length < 11) await ground.clock.advance((await ground.turn()) ?? 0)
  ground.restart()
  ground.answers(204)
  await ground.work(400_000)
  const ids = ground.sent.map(({ id }) => id)
  assert.deepEqual([new Set(ids.slice(0, 12)).size, new Set(ids).size], [1, 2])
  assert.equal(new Set(ground.sent.slice(0, 12).map(({ body }) => body)).size, 1)
  const [first, second] = [ground.told()[0]!, ground.told().at(-1)!]
  assert.deepEqual([second.from, second.changes.map(({ key }) => key)], [first.to, ['next']])
  assert.deepEqual([ground.counts.filter((one) => one === 'failed').length, ground.counts.at(-1)], [11, 'sent'])
})

test('a process that dies between sending and noting it: the next sends the same', async () => {
  const ground = await createGround()
  const { commit } = ground.journal
  await ground.event('delivery.applied')
  ground.journal.commit = (facts, options) =>
    ground.sent.length > 0 ? Promise.reject(new AppError('journal.closed', 'killed')) : commit(facts, options)
  await assert.rejects(ground.work(10_000), { code: 'journal.closed' })
  ground.journal.commit = commit
  await ground.event('delivery.applied', { key: 'later' })
  ground.restart()
  await ground.work(10_000)
  const [once, again, next] = ground.sent
  assert.deepEqual([again?.id, again?.body], [once?.id, once?.body])
  assert.deepEqual([ground.sent.length, ground.told()[2]?.changes.map(({ key }) => key)], [3, ['later']])
  assert.notEqual(next?.id, once?.id)
})

test('after a day it is given up, with an event, and the next one goes', async () => {
  const ground = await createGround()
  ground.answers(500)
  await ground.event('delivery.applied')
  await ground.work(25 * 3_600_000)
  const events = await ground.journal.events({ type: 'notice.' })
  assert.deepEqual(
    events.map(({ type, data }) => [type, (data as { hook: string }).hook, (data as { why: string }).why]),
    [['notice.abandoned', 'r', 'answered 500']],
  )
  assert.equal(ground.counts.at(-1), 'abandoned')
  const tries = ground.sent.length
  assert.ok(tries > 100 && tries < 1_000, `${tries} tries`)
  ground.answers(204)
  await ground.event('delivery.applied', { key: 'b' })
  await ground.work(10_000)
  assert.deepEqual(
    ground
      .told()
      .at(-1)
      ?.changes.map(({ key }) => key),
    ['b'],
  )
})

test('410 ends it, until the address changes', async () => {
  const ground = await createGround()
  ground.answers(410)
  await ground.event('delivery.applied')
  assert.equal(await ground.work(10_000), null)
  await ground.event('delivery.applied', { key: 'b' })
  ground.restart()
  assert.equal(await ground.work(10_000), null)
  assert.deepEqual([ground.sent.length, ground.counts, (await ground.row())?.state], [1, ['disabled'], 'disabled'])
  assert.equal((await ground.journal.events({ type: 'notice.disabled' })).length, 1)
  ground.answers(204)
  ground.restart('https://receiver.example/b')
  await ground.work(10_000)
  await ground.event('delivery.applied', { key: 'c' })
  await ground.work(10_000)
  assert.deepEqual(
    ground.told().map(({ changes }) => changes.map(({ key }) => key)),
    [['a'], ['c']],
  )
})

test('Retry-After is heeded, up to five minutes', async () => {
  const ground = await createGround()
  ground.answers(429, 60_000)
  await ground.event('delivery.applied')
  const waits: (number | null)[] = [await ground.work(59_000)]
  ground.answers(503, 3_600_000)
  await ground.clock.advance(60_000)
  waits.push(await ground.turn())
  assert.deepEqual(waits, [60_000, 300_000])
})

test('for failures alone: what failed, and that it is over', async () => {
  const ground = await createGround('failures')
  await ground.event('delivery.applied')
  await ground.work(10_000)
  assert.equal(ground.sent.length, 0)
  await ground.event('delivery.failed', {}, 'failed')
  await ground.work(10_000)
  await ground.event('delivery.applied', { key: 'other' })
  await ground.work(10_000)
  assert.deepEqual(
    ground.told().map(({ ok }) => ok),
    [false],
  )
  await ground.event('delivery.applied')
  await ground.work(10_000)
  assert.deepEqual(
    ground.told().map(({ ok }) => ok),
    [false, true],
  )
})

test('not well: a target that is away, a scope with troubles', async () => {
  const ground = await createGround()
  const { journal } = ground
  const target = { sync, target: 't', state: 'unavailable', epoch: 1, cursor: 0, attempts: 0, fingerprint: '' }
  await journal.commit([put(targets, target as never, { type: 'target.unavailable', sync, target: 't' })])
  await ground.work(10_000)
  const up = { ...target, state: 'ok' }
  await journal.commit([put(targets, up as never, { type: 'target.recovered', sync, target: 't' })])
  await ground.work(10_000)
  const scope = { sync, scope: '', state: 'ok', rank: 0, troubles: [{ origin: 'f', why: 'trouble' }] }
  await journal.commit([put(scopes, scope as never, { type: 'scope.troubled', sync, scope: '' })])
  await ground.work(10_000)
  assert.deepEqual(
    ground.told().map(({ ok, changes }) => [ok, changes[0]?.['outcome']]),
    [
      [false, 'unavailable'],
      [true, 'recovered'],
      [false, 'troubled'],
    ],
  )
})

test('long lists are cut, and the counts are not', async () => {
  const ground = await createGround()
  const facts = Array.from({ length: 1200 }, (_, at) =>
    put(deliveries, delivery(`k${at}`, 'applied'), { type: 'delivery.applied', sync, target: 't', key: `k${at}` }),
  )
  await ground.journal.commit(facts)
  await ground.work(10_000)
  const [told] = ground.told()
  assert.deepEqual([told?.counts['applied'], told?.changes.length, told?.truncated], [1200, 500, true])
})

test('who does not run the sync sends nothing, and takes over where the other was', async () => {
  const ground = await createGround()
  ground.own(false)
  await ground.event('delivery.applied')
  assert.equal(await ground.turn(), 500)
  assert.equal(ground.sent.length, 0)
  ground.own(true)
  await ground.work(10_000)
  assert.equal(ground.sent.length, 1)
})
