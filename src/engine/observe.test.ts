import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../kernel/metrics.ts'
import { createHouse, sync, type House } from './loop-tests/testing/house.ts'
import { createShelf } from './loop-tests/testing/shelf.ts'
import { observe } from './observe.ts'

/** Samples of the engine's gauges, without help lines. */
async function scrape(house: House): Promise<ReadonlyMap<string, number>> {
  const metrics = createMetrics()
  observe(metrics, house.journal, [sync])
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('regista_'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** Two entries, one delivered and one held, at a target that is up, and one that is down. */
async function someHouse(): Promise<House> {
  const [up, down] = [createShelf('up'), createShelf('down', { is: 'down' })]
  const house = createHouse({ shelves: [up, down], spec: { firstSight: 'hold' } })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  up.values.set('b', { value: 'theirs', owned: false })
  await house.pass()
  return house
}

test('gauges tell what the ledger says', async () => {
  const house = await someHouse()
  const samples = await scrape(house)
  assert.equal(samples.get('regista_entries{sync="house",state="live"}'), 2)
  assert.equal(samples.get('regista_deliveries{sync="house",state="held"}'), 1)
  assert.equal(samples.get('regista_holds{sync="house",reason="first-sight"}'), 1)
  assert.equal(samples.get('regista_scopes{sync="house",state="ok"}'), 1)
  assert.equal(samples.get('regista_target_up{sync="house",target="up"}'), 1)
  assert.equal(samples.get('regista_target_up{sync="house",target="down"}'), 0)
  assert.equal(samples.get('regista_pass_ok{sync="house"}'), 0)
  assert.equal(samples.get('regista_pass_timestamp_seconds{sync="house"}'), house.clock.now() / 1000)
  assert.equal(samples.get('regista_journal_head'), await house.head())
  assert.equal(samples.get('regista_journal_degraded'), 0)
})

test('what is no longer so is no longer shown', async () => {
  const house = await someHouse()
  await house.release('b')
  await house.pass()
  const samples = await scrape(house)
  for (const name of samples.keys()) assert.doesNotMatch(name, /^regista_(holds|deliveries)/)
})

test('a restart shows the same, before any pass', async () => {
  const house = await someHouse()
  const before = await scrape(house)
  house.restart()
  assert.deepEqual(await scrape(house), before)
})

test('labels come from the config alone: as many series for many keys as for one', async () => {
  const house = await someHouse()
  const few = (await scrape(house)).size
  for (let n = 0; n < 50; n += 1) house.place.put(`key-${n}`, 'v1')
  await house.pass()
  assert.equal((await scrape(house)).size, few)
})

test('a degraded journal is shown', async () => {
  const house = await someHouse()
  house.journal.condition = () => ({ is: 'degraded', why: 'no space left', since: 0 })
  assert.equal((await scrape(house)).get('regista_journal_degraded'), 1)
})
