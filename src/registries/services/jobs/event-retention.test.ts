import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventRetentionJob } from './event-retention.ts'
import { day, openHouse } from './testing/house.ts'

test('events go when they are older than they are kept, and a dry run says so beforehand', async () => {
  const house = await openHouse()
  const job = eventRetentionJob({ ...house, kept: 90 * day })
  await house.register('poller/old')
  await house.clock.advance(60 * day)
  await house.register('poller/new')
  assert.equal((await house.run(job, { dryRun: true }))['due'], false)
  assert.equal((await house.run(job))['events'], 0)
  // Segments are days.
  await house.clock.advance(32 * day)
  assert.equal((await house.run(job, { dryRun: true }))['due'], true)
  assert.equal((await house.journal.events({})).length, 2, 'a dry run drops nothing')
  assert.equal((await house.run(job))['events'], 1)
  const [left] = await house.journal.events({})
  assert.equal(left?.key, 'poller/new')
  assert.equal((await house.journal.verify()).ok, true)
})
