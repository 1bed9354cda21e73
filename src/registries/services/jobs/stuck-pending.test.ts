import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '../../../kernel/logger.ts'
import { stuckPendingJob } from './stuck-pending.ts'
import { minute, openHouse } from './testing/house.ts'

describe('stuck pending', () => {
  it('lists who was not heard of in time, with what it may come from, and tells of each once', async () => {
    const house = await openHouse()
    const told: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object) => void told.push(fields) }
    const job = stuckPendingJob({ ...house, logger, config: house.config.jobs.stuck_pending })
    await house.register('poller/p', 'agent/a < p', 'poller/gone', 'agent/b < gone', 'poller/off', 'agent/c < off')
    await house.hear('poller/gone')
    await house.transit('poller/off', 'revoke')
    await house.transit('poller/gone', 'deactivate')
    await house.clock.advance(30 * minute - 1)
    assert.equal((await house.run(job))['count'], 0)
    await house.clock.advance(1)
    const succeededAt = house.clock.now() - 5 * minute
    const result = await house.run(job, { succeededAt })
    assert.deepEqual([result['count'], result['new']], [4, 4])
    const services = result['services'] as { service: string; why: string }[]
    assert.deepEqual(Object.fromEntries(services.map(({ service, why }) => [service, why])), {
      'poller/p': 'service-never-seen',
      'agent/a': 'service-parent-pending',
      'agent/b': 'service-parent-silent',
      'agent/c': 'service-parent-refused',
    })
    assert.equal(told.length, 1)
    await house.clock.advance(5 * minute)
    assert.equal((await house.run(job, { succeededAt: succeededAt + 5 * minute }))['new'], 0)
    assert.equal(told.length, 1)
    const { seq } = await house.journal.head()
    assert.equal((await house.journal.events({ type: 'service.registered' })).length, 6)
    assert.equal(seq, 6 + 3, 'it is no change of state')
  })
})
