import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { planPurge, shownPlan } from './purge-plan.ts'
import { purge, purgeJob } from './purge.ts'
import { day, openHouse, type House } from './testing/house.ts'

const retention = { revoked: 90 * day, deleted: 7 * day, pending: 30 * day }

async function planned(house: House) {
  const plan = await planPurge(house, retention, house.clock.now())
  const { services, kept } = shownPlan(house.roster, plan)
  return { purge: services.map(({ service, why }) => `${service} ${why}`), kept: kept.map(({ service }) => service) }
}

const job = (house: House) => purgeJob(house, house.logger, house.config.jobs.purge)

describe('purging', () => {
  it('defect 5: a service that never reported is told from one that did, and goes after its time', async () => {
    const house = await openHouse()
    await house.register('poller/never', 'poller/heard')
    assert.equal(house.roster.columns.firstSeen[house.slotOf('poller/never')], 0)
    await house.hear('poller/heard')
    await house.clock.advance(30 * day - 1)
    assert.deepEqual((await planned(house)).purge, [])
    await house.clock.advance(1)
    assert.deepEqual((await planned(house)).purge, ['poller/never service-never-seen'])
    const result = await house.run(job(house))
    assert.equal(result['purged'], 1)
    assert.equal(house.statusOf('poller/never'), null)
    assert.equal(house.statusOf('poller/heard'), 'active')
  })

  it('defect 12: revoked ones go by when they were revoked, told with their parent and who asked', async () => {
    const house = await openHouse()
    await house.register('poller/p', 'agent/a < p', 'agent/b < p')
    await house.hear('poller/p', 'agent/a', 'agent/b')
    // Long silent, and revoked only now.
    await house.clock.advance(80 * day)
    await house.transit('agent/a', 'revoke')
    await house.clock.advance(89 * day)
    await house.transit('agent/b', 'revoke')
    assert.deepEqual((await planned(house)).purge, [])
    await house.clock.advance(day)
    assert.deepEqual((await planned(house)).purge, ['agent/a service-long-revoked'])
    const { signal } = new AbortController()
    await purge(house, { retention, dryRun: false, by: 'token:ops', reason: 'clean up' }, signal)
    const [told] = await house.told('purged')
    assert.deepEqual([told?.key, told?.actor, told?.reason], ['agent/a', 'token:ops', 'service-long-revoked'])
    assert.equal(told?.data['poller_id'], 'p')
    assert.equal(told?.data['parent'], 'poller/p')
    assert.equal(told?.data['reason'], 'clean up')
  })

  it('counts from the revocation also where it was deleted and brought back since', async () => {
    const house = await openHouse()
    await house.register('poller/p')
    await house.transit('poller/p', 'revoke')
    await house.clock.advance(88 * day)
    await house.transit('poller/p', 'delete')
    await house.clock.advance(day)
    await house.transit('poller/p', 'undelete')
    assert.equal(house.statusOf('poller/p'), 'revoked')
    assert.deepEqual((await planned(house)).purge, [])
    await house.clock.advance(day)
    assert.deepEqual((await planned(house)).purge, ['poller/p service-long-revoked'])
  })

  it('takes children before their parents, and leaves parents of those that stay', async () => {
    const house = await openHouse()
    await house.register('poller/p', 'agent/a < p', 'checker/c < a', 'poller/q', 'agent/b < q')
    for (const name of ['checker/c', 'agent/a', 'poller/p', 'poller/q']) await house.transit(name, 'delete')
    await house.hear('agent/b')
    await house.clock.advance(8 * day)
    assert.deepEqual(await planned(house), {
      purge: ['checker/c', 'agent/a', 'poller/p'].map((name) => `${name} service-long-deleted`),
      kept: ['poller/q'],
    })
    const result = await house.run(job(house))
    assert.deepEqual([result['purged'], result['skipped'], result['kept_count']], [3, 0, 1])
    assert.deepEqual(
      (await house.told('purged')).map(({ key }) => key),
      ['checker/c', 'agent/a', 'poller/p'],
    )
    assert.equal(house.roster.size, 2)
  })

  it('changes nothing in a dry run, and says who and why', async () => {
    const house = await openHouse()
    await house.register('poller/p')
    await house.clock.advance(31 * day)
    const { seq } = await house.journal.head()
    const result = await house.run(job(house), { dryRun: true })
    assert.deepEqual([result['due'], result['purged']], [1, 0])
    const [first] = result['services'] as { service: string; why: string }[]
    assert.deepEqual([first?.service, first?.why], ['poller/p', 'service-never-seen'])
    assert.equal((await house.journal.head()).seq, seq)
    assert.equal(house.config.jobs.purge.enabled, false)
  })

  it('leaves alone what was heard of, or changed, since it was planned', async () => {
    const house = await openHouse()
    await house.register('poller/p', 'poller/q')
    await house.clock.advance(31 * day)
    const { registrations } = house
    const between = {
      ...house,
      registrations: {
        transit: async (...asked: Parameters<typeof registrations.transit>) => {
          await house.hear('poller/p')
          return await registrations.transit(...asked)
        },
      },
    }
    const { signal } = new AbortController()
    const result = await purge(between, { retention, dryRun: false, by: 'x' }, signal)
    assert.deepEqual([result['purged'], result['skipped']], [1, 1])
    assert.equal(house.statusOf('poller/p'), 'active')
  })

  it('ends where another process runs the jobs by now, or the ledger fails', async () => {
    const house = await openHouse()
    await house.register('poller/p')
    await house.clock.advance(31 * day)
    const lost = () => {
      throw new AppError('journal.fenced', 'lost')
    }
    await assert.rejects(house.run(job(house), { fence: lost }), { code: 'journal.fenced' })
    assert.equal(house.statusOf('poller/p'), 'pending')
  })
})
