import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRefusals } from './refusals.ts'
import { anyone, beatOf, beatsOn } from './testing/ground.ts'

const few = { implicit: { most_per_minute: 2 } }

describe('who is not registered', () => {
  it('is, by its first heartbeat, where the policy is to let it in', async () => {
    const ground = beatsOn()
    const beat = beatOf('poller/p', '', { from: '10.0.0.9', interval: 60_000 })
    assert.deepEqual(await ground.take([beat]), ['registered'])
    const row = (await ground.row('poller/p'))!
    const { status, source, component, createdBy, metadata, interval } = row
    assert.deepEqual(
      { status, source, component, createdBy, metadata, interval },
      {
        status: 'active',
        source: 'implicit',
        component: 'p',
        createdBy: 'system',
        metadata: { source_ip: '10.0.0.9', auto_registered: 'true', registration_time: '1970-01-12T13:46:40.000Z' },
        interval: 60_000,
      },
    )
    assert.deepEqual(await ground.events(), ['registered poller/p', 'activated poller/p'])
  })

  it('has to be below one who is: its parent comes first, be it in the same batch', async () => {
    const ground = beatsOn()
    const early = [beatOf('agent/a', 'p'), beatOf('checker/c', 'a'), beatOf('agent/none')]
    assert.deepEqual(await ground.take(early), ['service-parent', 'service-parent', 'service-parent'])
    assert.equal((await ground.journal.head()).seq, 0)
    const both = [beatOf('poller/p'), beatOf('agent/a', 'p'), beatOf('checker/c', 'a', { kind: 'snmp' })]
    assert.deepEqual(await ground.take(both), ['registered', 'registered', 'registered'])
    assert.equal(ground.roster.kindOf(ground.slotOf('checker/c')), 'snmp')
  })

  it('is not let in below one that was revoked or deleted', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p'), beatOf('poller/q')])
    await ground.turn('poller/p', 'revoke')
    await ground.turn('poller/q', 'revoke', 'delete')
    const [a, b] = await ground.beats.take([beatOf('agent/a', 'p'), beatOf('agent/b', 'q')], anyone)
    assert.deepEqual([a?.why, a?.detail], ['service-parent', 'Its poller p was revoked.'])
    assert.deepEqual([b?.why, b?.detail], ['service-parent', 'Its poller q was deleted.'])
  })

  it('is refused where the policy is deny, checkers as well, and nothing is written', async () => {
    const ground = beatsOn({ implicit: { policy: 'deny' } })
    await ground.register('poller/p')
    await ground.register('agent/a', 'p')
    const { seq } = await ground.journal.head()
    const some = [beatOf('poller/new'), beatOf('agent/new', 'p'), beatOf('checker/new', 'a')]
    assert.deepEqual(await ground.take(some), ['service-unknown', 'service-unknown', 'service-unknown'])
    assert.equal((await ground.journal.head()).seq, seq)
  })

  it('waits for a person where the policy is quarantine, also below one that waits', async () => {
    const ground = beatsOn({ implicit: { policy: 'quarantine' } })
    const some = [beatOf('poller/p'), beatOf('agent/a', 'p'), beatOf('checker/c', 'a')]
    assert.deepEqual(await ground.take(some), ['quarantined', 'quarantined', 'quarantined'])
    assert.deepEqual(await ground.events('quarantine.'), ['entered poller/p', 'entered agent/a', 'entered checker/c'])
    assert.equal(ground.statusOf('poller/p'), null)
  })

  it('goes to quarantine above the number that one token may bring in a minute', async () => {
    const ground = beatsOn(few)
    const flood = ['a', 'b', 'c', 'd'].map((id) => beatOf(`poller/${id}`))
    const expected = ['registered', 'registered', 'quarantined', 'quarantined']
    assert.deepEqual(await ground.take(flood), expected)
    assert.deepEqual(await ground.take([beatOf('poller/e')], { ...anyone, name: 'token:other' }), ['registered'])
    await ground.clock.advance(60_000)
    assert.deepEqual(await ground.take([beatOf('poller/f')]), ['registered'])
  })

  it('registers once, however many heartbeats of it come at the same time', async () => {
    const ground = beatsOn(few)
    const beat = beatOf('poller/p')
    const results = await Promise.all([ground.take([beat, beat]), ground.take([beat]), ground.take([beat])])
    assert.deepEqual(results.flat().toSorted(), ['registered', 'taken', 'taken', 'taken'])
    assert.deepEqual(await ground.events(), ['registered poller/p', 'activated poller/p'])
  })

  it('is looked for once more where other replicas register, too', async () => {
    const strict = { implicit: { policy: 'deny' } } as const
    const first = beatsOn(strict, (journal) => ({ ...journal, shared: true }))
    const second = beatsOn(strict, () => first.journal)
    await first.register('poller/p')
    await first.register('poller/q')
    assert.deepEqual(await second.take([beatOf('poller/p'), beatOf('poller/x')]), ['activated', 'service-unknown'])
    await second.journal.close()
    assert.deepEqual(await second.take([beatOf('poller/p'), beatOf('poller/x')]), ['taken', 'service-unknown'])
  })

  it('registers once by way of two replicas at the same time', async () => {
    const first = beatsOn({}, (journal) => ({ ...journal, shared: true }))
    const second = beatsOn({}, () => first.journal)
    const both = await Promise.all([first.take([beatOf('poller/p')]), second.take([beatOf('poller/p')])])
    assert.deepEqual(both.flat().toSorted(), ['registered', 'taken'])
    assert.deepEqual(await first.events(), ['registered poller/p', 'activated poller/p'])
  })

  it('is refused under an id that is none', async () => {
    const ground = beatsOn()
    const [outcome] = await ground.beats.take([{ ...beatOf('poller/p'), id: ' p\n' }], anyone)
    assert.equal(outcome?.why, 'service-invalid')
    assert.equal((await ground.journal.head()).seq, 0)
  })

  it('defect 8: is no less there for a static list that does not name it', async () => {
    const ground = beatsOn({ known: { list: ['listed'] } })
    await ground.take([beatOf('poller/p')])
    await ground.register('poller/q')
    await ground.registrations.load()
    assert.deepEqual(await ground.take([beatOf('poller/p'), beatOf('poller/q')]), ['taken', 'activated'])
  })

  it('defect 9: of the static list is registered and activated by its first heartbeat, whatever the policy', async () => {
    for (const policy of ['allow', 'quarantine', 'deny'] as const) {
      const ground = beatsOn({ implicit: { policy }, known: { list: ['p'] } })
      assert.deepEqual(await ground.take([beatOf('poller/p')]), ['registered'])
      assert.deepEqual(await ground.events(), ['registered poller/p', 'activated poller/p'])
    }
  })

  it('defect 14: takes bounded room, also from many at the same time', async () => {
    const ground = beatsOn({ implicit: { policy: 'quarantine', most_quarantined: 2 } })
    const calls = ['a', 'b', 'c', 'd'].map((id) => ground.take([beatOf(`poller/${id}`)]))
    const results = (await Promise.all(calls)).flat()
    assert.deepEqual(results, ['quarantined', 'quarantined', 'service-unknown', 'service-unknown'])
    assert.equal(ground.quarantine.size(), 2)
  })

  it('defect 14: takes bounded room, however many ids are made up', async () => {
    const most = 3
    const ground = beatsOn({ implicit: { policy: 'quarantine', most_quarantined: most } })
    const flood = Array.from({ length: 50 }, (_, at) => beatOf(`poller/${at}`))
    const results = await ground.take(flood)
    assert.equal(results.filter((result) => result === 'quarantined').length, most)
    assert.equal(results.filter((result) => result === 'service-unknown').length, 50 - most)
    assert.equal(ground.quarantine.size(), most)
    assert.equal(ground.roster.size, 0)

    assert.deepEqual(await ground.take([beatOf('poller/0'), beatOf('poller/49')]), ['quarantined', 'service-unknown'])

    const refusals = createRefusals(most)
    for (const beat of flood) refusals.add(beat, 'service-unknown', anyone, 1)
    const kept = flood.filter((beat) => refusals.of(beat) !== null)
    assert.deepEqual(kept, flood.slice(-most))
    refusals.add(flood[47]!, 'service-unknown', anyone, 2)
    for (const beat of flood.slice(0, most - 1)) refusals.add(beat, 'service-unknown', anyone, 3)
    assert.equal(refusals.of(flood[47]!)?.count, 2)
  })
})
