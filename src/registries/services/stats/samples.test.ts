import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sampleJob } from '../jobs/sample.ts'
import { createRunner } from '../jobs/runner.ts'
import { day, hour, minute, openHouse, type House } from '../jobs/testing/house.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { serviceStatuses, serviceTypes } from '../model.ts'
import { readHistory, type Span } from './samples.ts'

const start = Date.UTC(2026, 10, 21, 10, 0, 0)

async function ground() {
  const house = await openHouse({ clock: createFakeClock({ start }) })
  const jobs = [sampleJob({ ...house, config: house.config.jobs.sample })]
  const open = (holder: string) =>
    createRunner({ ...house, jobs, holder, random: () => 0.5, ready: () => Promise.resolve() })
  return { house, open }
}

async function shown({ journal }: House, span: Span, more: { since?: number; until?: number } = {}) {
  const all = { since: 0, until: Number.MAX_SAFE_INTEGER, types: serviceTypes, statuses: serviceStatuses }
  const items = await readHistory(journal, { span, ...all, ...more })
  return items.map(({ at, counts }) => [(at - start) / minute, counts.poller?.pending])
}

describe('samples', () => {
  it('are taken each minute; an hour has the mean of its minutes', async () => {
    const { house, open } = await ground()
    const runner = open('a')
    runner.start()
    await house.clock.advance(30 * minute + 30_000)
    await house.register('poller/a', 'poller/b')
    await house.clock.advance(31 * minute)
    await runner.stop()
    const minutes = await shown(house, 'minute')
    assert.deepEqual(minutes[0], [1, 0])
    assert.deepEqual(minutes.slice(29, 31), [
      [30, 0],
      [31, 2],
    ])
    // 30 minutes without, 29 with two.
    assert.deepEqual(await shown(house, 'hour'), [[0, 1]])
  })

  it('leave gaps where nobody took them, and none is made up later', async () => {
    const { house, open } = await ground()
    const before = open('a')
    before.start()
    await house.clock.advance(10 * minute + 1)
    await before.stop()
    await house.clock.advance(3 * hour)
    const after = open('b')
    after.start()
    await house.clock.advance(hour)
    await after.stop()
    assert.deepEqual(
      (await shown(house, 'minute')).map(([at]) => at),
      [...Array(10).keys()].map((n) => n + 1).concat([...Array(61).keys()].map((n) => n + 190)),
    )
    assert.deepEqual(
      (await shown(house, 'hour')).map(([at]) => at),
      [0, 180],
    )
    assert.deepEqual((await shown(house, 'minute', { since: start + 5 * minute, until: start + 7 * minute })).length, 3)
  })

  it('are kept for two days by the minute and 90 by the hour', async () => {
    const { house } = await ground()
    const job = sampleJob({ ...house, config: house.config.jobs.sample })
    for (let n = 0; n < 100; n += 1) {
      await house.run(job)
      await house.clock.advance(day)
    }
    await house.run(job)
    const minutes = await shown(house, 'minute')
    assert.ok(minutes.length <= 3 && minutes.length >= 2, String(minutes.length))
    const hours = await shown(house, 'hour')
    assert.ok(hours.length >= 89 && hours.length <= 90, String(hours.length))
    assert.equal((await house.journal.head()).seq, 0, 'samples are no events')
  })
})
