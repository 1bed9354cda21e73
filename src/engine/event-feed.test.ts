import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../database/memory/journal.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { defineTable } from '../kernel/table.ts'
import { createEventFeed } from './event-feed.ts'
import { put, type Journal } from './journal.ts'

const rows = defineTable<{ readonly id: string }>('thing', ['id'], { id: 'text' })
let made = 0
const thing = (sync: string) => put(rows, { id: String((made += 1)) }, { type: 'thing.made', sync, key: 'k' })

function ground(clock: Clock = systemClock) {
  const inner = createMemoryJournal({ clock, tables: [rows] as never })
  const count = { reads: 0 }
  const journal: Journal = {
    ...inner,
    events(query) {
      count.reads += 1
      return inner.events(query)
    },
  }
  return { journal, count, feed: createEventFeed({ journal, clock }) }
}

test('two hundred followers at the head read the journal once', { timeout: 60_000 }, async () => {
  const { journal, count, feed } = ground()
  const stop = new AbortController()
  const seen = Array.from({ length: 200 }, () => [] as number[])
  const followers = seen.map(async (mine) => {
    for await (const { events } of feed.follow({ from: 0, signal: stop.signal })) {
      mine.push(...events.map(({ seq }) => seq))
    }
  })
  while (count.reads < 201) await systemClock.sleep(5)
  const before = count.reads
  const commits = 20
  for (let n = 0; n < commits; n += 1) {
    await journal.commit([thing('a'), thing('a')])
    await systemClock.sleep(10)
  }
  while (seen.some(({ length }) => length < commits * 2)) await systemClock.sleep(5)
  stop.abort()
  await Promise.all(followers)
  const all = Array.from({ length: commits * 2 }, (_, at) => at + 1)
  for (const mine of seen) assert.deepEqual(mine, all)
  assert.ok(count.reads - before <= commits + 2, `${count.reads - before} reads`)
})

test('who is further behind than what is kept of the head misses nothing', { timeout: 60_000 }, async () => {
  const { journal, feed } = ground()
  const stop = new AbortController()
  const following = (sync: string) => feed.follow({ from: 0, query: { sync }, signal: stop.signal })
  const [quick, slow] = [following('a'), following('a')]
  await journal.commit([thing('a')])
  assert.equal((await quick.next()).value!.position, 1)
  assert.equal((await slow.next()).value!.position, 1)
  // Both have reached the head; one of them goes on.
  const count = 5_000
  let told = 1
  const going = (async () => {
    while (told < count) told += (await quick.next()).value!.events.length
  })()
  const first = slow.next()
  for (let n = 1; n < count; n += 500) {
    await journal.commit(Array.from({ length: Math.min(500, count - n) }, () => thing('a')))
    await journal.commit([thing('b')])
  }
  await going
  const seqs = (await first).value!.events.map(({ seq }) => seq)
  while (seqs.length < count - 1) seqs.push(...(await slow.next()).value!.events.map(({ seq }) => seq))
  assert.equal(new Set(seqs).size, count - 1)
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  )
  stop.abort()
  await Promise.all([quick.return(), slow.return()])
})

test('a journal that cannot be read ends it', { timeout: 60_000 }, async () => {
  const { journal } = ground()
  let broken = false
  const failing: Journal = {
    ...journal,
    events: (query) => (broken ? Promise.reject(new Error('no disk')) : journal.events(query)),
  }
  const feed = createEventFeed({ journal: failing, clock: systemClock })
  const follower = feed.follow({ from: 0, signal: new AbortController().signal })
  const next = follower.next()
  await systemClock.sleep(20)
  broken = true
  await journal.commit([thing('a')])
  await assert.rejects(next, /no disk/)
})
