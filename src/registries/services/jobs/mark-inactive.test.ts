import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createPreservation } from '../liveness/preservation.ts'
import { markInactiveJob, type MarkInactiveParts } from './mark-inactive.ts'
import { minute, openHouse, second, type House } from './testing/house.ts'

const job = (house: House, preservation: MarkInactiveParts['preservation'] = createPreservation(house)) =>
  markInactiveJob({ ...house, preservation })

async function started(names: readonly string[], config: unknown = {}) {
  const house = await openHouse({ config })
  house.liveness.start()
  await house.register(...names)
  await house.hear(...names.map((line) => line.split(' < ')[0]!))
  return house
}

/** Nothing is held. */
const loose = { preservation: { share: 1 } }
const short = { ...loose, inactive_after: { poller: '10m', agent: '10m', checker: '10m' } }

describe('marking inactive', () => {
  it('defect 10: all three types, in batches, each with its event', async (t) => {
    const agents = [...Array(2_500).keys()].map((n) => `agent/a${n} < p`)
    const house = await started(['poller/p', ...agents, 'checker/c < a0', 'poller/well'], short)
    t.after(house.liveness.stop)
    await house.clock.advance(9 * minute)
    await house.hear('poller/well')
    await house.clock.advance(2 * minute)
    const result = await house.run(job(house))
    assert.deepEqual([result['inactive'], result['by_type']], [2_502, { poller: 1, agent: 2_500, checker: 1 }])
    for (const name of ['poller/p', 'agent/a7', 'checker/c']) assert.equal(house.statusOf(name), 'inactive')
    assert.equal(house.statusOf('poller/well'), 'active')
    const told = await house.told('deactivated')
    assert.equal(new Set(told.map(({ key }) => key)).size, 2_502)
    assert.equal(told.length, 2_502)
    assert.equal((await house.run(job(house)))['overdue'], 0)
  })

  it('tells who was silent, by which rule, and what is unreachable by way of it', async (t) => {
    const house = await started(['poller/p', 'agent/a < p', 'checker/c < a', 'poller/q', 'agent/b < q'], short)
    t.after(house.liveness.stop)
    const heardAt = house.clock.now()
    await house.clock.advance(9 * minute)
    await house.hear('poller/q')
    await house.clock.advance(70 * second)
    const dry = await house.run(job(house), { dryRun: true })
    assert.equal(house.statusOf('poller/p'), 'active')
    const result = await house.run(job(house), { by: 'token:ops' })
    assert.deepEqual({ ...dry, inactive: 4 }, result)
    const [first, ...others] = await house.told('deactivated')
    assert.deepEqual([first?.key, first?.actor, first?.reason], ['poller/p', 'token:ops', 'service-silent'])
    assert.equal(first?.data['last_seen'], new Date(heardAt).toISOString())
    assert.equal(first?.data['rule'], 'inactive_after 10m')
    assert.match(String(first?.data['silence']), /^10m/)
    assert.equal(first?.data['unreachable'], 2)
    const byKey = new Map(others.map((one) => [one.key, one]))
    // Its parent is heard of: a failure of its own.
    assert.deepEqual([byKey.get('agent/b')?.reason, byKey.get('agent/b')?.data['via']], ['service-silent', undefined])
    for (const key of ['agent/a', 'checker/c']) {
      assert.deepEqual([byKey.get(key)?.reason, byKey.get(key)?.data['via']], ['service-parent-silent', 'poller/p'])
    }
    assert.equal(others.length, 3)
  })

  it('waits with what hangs below one that is late already, and turns both together', async (t) => {
    const house = await started(['poller/p', 'agent/a < p'], short)
    t.after(house.liveness.stop)
    await house.clock.advance(5 * minute)
    await house.hear('poller/p')
    await house.clock.advance(6 * minute)
    assert.equal((await house.run(job(house)))['inactive'], 0)
    await house.clock.advance(5 * minute)
    await house.run(job(house))
    const [first, second_] = await house.told('deactivated')
    assert.deepEqual([first?.key, first?.data['unreachable']], ['poller/p', 1])
    assert.deepEqual([second_?.key, second_?.data['via']], ['agent/a', 'poller/p'])
  })

  it('leaves those of a held group alone, and shows the group; a dry run holds nothing', async (t) => {
    const names = ['poller/p', ...[...Array(5).keys()].map((n) => `agent/a${n} < p`), 'poller/q']
    const house = await started(names, { inactive_after: short.inactive_after })
    t.after(house.liveness.stop)
    await house.clock.advance(9 * minute)
    await house.hear('poller/p')
    await house.clock.advance(70 * second)
    await house.run(job(house), { dryRun: true })
    assert.equal((await house.journal.events({ type: 'preservation.started' })).length, 0)
    const result = await house.run(job(house))
    assert.deepEqual([result['inactive'], result['withheld']], [1, 5])
    assert.deepEqual(result['held'], [{ group: 'poller/p', silent: 5, active: 5 }])
    assert.deepEqual([house.statusOf('agent/a0'), house.statusOf('poller/q')], ['active', 'inactive'])
    assert.equal((await house.journal.events({ type: 'preservation.started' })).length, 1)
  })

  it('leaves alone who was heard of while it was thought about', async (t) => {
    const house = await started(['poller/p', 'poller/q'], short)
    t.after(house.liveness.stop)
    await house.clock.advance(11 * minute)
    const preservation = createPreservation(house)
    const slow: typeof preservation = {
      ...preservation,
      async decide(...asked) {
        const decision = await preservation.decide(...asked)
        await house.hear('poller/p')
        await house.clock.advance(5 * second)
        return decision
      },
    }
    assert.equal((await house.run(job(house, slow)))['inactive'], 1)
    assert.equal((await house.told('deactivated'))[0]?.key, 'poller/q')
    assert.equal((await house.told('reactivated')).length, 0)
  })

  it('brings back at once who was heard of while it was written', async (t) => {
    const house = await started(['poller/p', 'poller/q'], short)
    t.after(house.liveness.stop)
    await house.clock.advance(11 * minute)
    const { registrations } = house
    const beat = { at: 0, healthy: null, boot: '', sequence: -1 }
    const between: House = {
      ...house,
      registrations: {
        ...registrations,
        transitAll(slots, trigger, options) {
          const written = registrations.transitAll(slots, trigger, options)
          if (trigger === 'silence') house.liveness.heard(house.slotOf('poller/p'), beat, house.clock.now())
          return written
        },
      },
    }
    await house.run(job(between))
    assert.deepEqual([house.statusOf('poller/p'), house.statusOf('poller/q')], ['active', 'inactive'])
    assert.deepEqual(
      (await house.told('reactivated')).map(({ key }) => key),
      ['poller/p'],
    )
  })

  it('invariant I10: after any outage nobody turns inactive sooner than its time after the start', async () => {
    const interval = 30 * second
    const config = { ...loose, inactive_after: { poller: '20m' } }
    const life = fc.record({
      /** Minutes of silence of each before the registry goes away. */
      silences: fc.uniqueArray(fc.integer({ min: 0, max: 19 }), { minLength: 1, maxLength: 5 }),
      /** Minutes. */
      outage: fc.integer({ min: 0, max: 40 * 24 * 60 }),
      /** Whether each reports again after the start, within its interval. */
      back: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    })
    const check = async ({ silences, outage, back }: { silences: number[]; outage: number; back: boolean[] }) => {
      const names = silences.map((_, n) => `poller/p${n}`)
      const before = await started(names, config)
      const { clock, journal } = before
      let left = 20
      for (const silence of silences.toSorted((a, b) => b - a)) {
        await clock.advance((left - silence) * minute)
        left = silence
        await before.hear(...names.filter((_, n) => silences[n]! <= silence))
      }
      await clock.advance(left * minute)
      await before.liveness.stop()
      await clock.advance(outage * minute)

      const after = await openHouse({ clock, journal, writer: 'two', config })
      after.liveness.start()
      const ready = clock.now()
      const here = names.filter((_, n) => back[n])
      const inactive = async () => {
        await after.run(job(after))
        return names.filter((name) => after.statusOf(name) === 'inactive')
      }
      for (let step = 0; step < 50; step += 1) {
        const since = clock.now() - ready
        for (const name of await inactive()) {
          assert.ok(since >= 3 * interval, 'nobody before they could be heard')
          assert.ok(!here.includes(name), 'nobody who reports')
          // The log is a second behind, and silence is counted by whole seconds.
          const silence = silences[names.indexOf(name)]! * minute + since
          assert.ok(silence >= 20 * minute - 3 * second, 'time in which the registry was away does not count')
        }
        await clock.advance(interval / 2)
        await after.hear(...here)
        await clock.advance(interval / 2)
      }
      assert.deepEqual(
        await inactive(),
        names.filter((_, n) => !back[n]),
        'the others in time',
      )
      await after.liveness.stop()
    }
    await fc.assert(fc.asyncProperty(life, check), { numRuns: 8 })
  })
})
