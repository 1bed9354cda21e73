import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import type { Journal } from '../../../engine/journal.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import { createBeats } from './take.ts'
import { anyone, beatOf, beatsOn, said, type Given } from './testing/ground.ts'

describe('a heartbeat', () => {
  it('of an active service touches memory alone, without a promise, by an outcome that all share', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p')])
    const before = await ground.journal.head()
    await ground.clock.advance(10_000)
    const first = ground.beats.takeNow(beatOf('poller/p'), anyone, ground.clock.now())
    assert.deepEqual(first, { result: 'taken' })
    assert.equal(ground.beats.takeNow(beatOf('poller/p'), anyone, ground.clock.now()), first)
    assert.equal(ground.liveness.lastSeen(ground.slotOf('poller/p')), ground.clock.now())
    assert.deepEqual(await ground.journal.head(), before)
  })

  it('of a pending service activates it, with an event that is durable before the answer', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    assert.equal(ground.beats.takeNow(beatOf('poller/p'), anyone, ground.clock.now()), null)
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['activated'])
    assert.equal((await ground.row('poller/p'))?.status, 'active')
    assert.deepEqual(await ground.events(), ['registered poller/p', 'activated poller/p'])
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['taken'])
  })

  it('defect 1: of an inactive service reactivates it', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p')])
    await ground.turn('poller/p', 'deactivate')
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['reactivated'])
    assert.equal(ground.statusOf('poller/p'), 'active')
    assert.equal((await ground.events()).at(-1), 'reactivated poller/p')
  })

  it('defect 2: leaves an event of each transition, and none where nothing changed', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    await ground.take([beatOf('poller/p')])
    await ground.turn('poller/p', 'deactivate')
    await ground.take([beatOf('poller/p')])
    await ground.take([beatOf('poller/p'), beatOf('poller/p')])
    await ground.turn('poller/p', 'revoke')
    await ground.take([beatOf('poller/p')])
    const types = (await ground.events()).map((event) => event.split(' ')[0])
    assert.deepEqual(types, ['registered', 'activated', 'deactivated', 'reactivated', 'revoked'])
  })

  it('defect 5: is what makes it seen: whoever never reported has no first time', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    assert.equal((await ground.row('poller/p'))?.firstSeen, null)
    await ground.clock.advance(5_000)
    await ground.take([beatOf('poller/p')])
    assert.equal((await ground.row('poller/p'))?.firstSeen, ground.clock.now())
  })

  it('defect 9: activates an agent and its checker at their first mention', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    const all = [beatOf('poller/p'), beatOf('agent/a', 'p'), beatOf('checker/c', 'a', { kind: 'snmp' })]
    assert.deepEqual(await ground.take(all), ['activated', 'registered', 'registered'])
    assert.deepEqual(['poller/p', 'agent/a', 'checker/c'].map(ground.statusOf), ['active', 'active', 'active'])
    const types = (await ground.events()).filter((event) => event.startsWith('activated'))
    assert.deepEqual(types, ['activated poller/p', 'activated agent/a', 'activated checker/c'])
  })

  it('defect 10: does the same for pollers, agents and checkers', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    await ground.register('agent/a', 'p')
    await ground.register('checker/c', 'a')
    const all = [beatOf('checker/c', 'a'), beatOf('agent/a', 'p'), beatOf('poller/p')]
    assert.deepEqual(await ground.take(all), ['activated', 'activated', 'activated'])
    for (const text of ['checker/c', 'agent/a', 'poller/p']) await ground.turn(text, 'deactivate')
    assert.deepEqual(await ground.take(all), ['reactivated', 'reactivated', 'reactivated'])
  })

  it('I3: of a revoked or deleted service is refused, counted and remembered, and nothing moves', async () => {
    const ground = beatsOn()
    const caller = { ...anyone, name: 'token:old' }
    for (const text of ['poller/revoked', 'poller/deleted']) await ground.take([beatOf(text)])
    await ground.turn('poller/revoked', 'revoke')
    await ground.turn('poller/deleted', 'revoke', 'delete')
    const seen = ground.liveness.lastSeen(ground.slotOf('poller/revoked'))
    const head = await ground.journal.head()
    await ground.clock.advance(60_000)
    const beat = beatOf('poller/revoked', '', { from: '10.0.0.7' })
    const gone = beatOf('poller/deleted')
    assert.deepEqual(await ground.take([beat, gone], caller), ['service-revoked', 'service-deleted'])
    assert.equal(ground.beats.takeNow(beat, caller, ground.clock.now())?.why, 'service-revoked')
    assert.equal(ground.liveness.lastSeen(ground.slotOf('poller/revoked')), seen)
    assert.deepEqual(await ground.journal.head(), head)
    assert.deepEqual(ground.beats.refusedOf(beat), {
      at: ground.clock.now(),
      why: 'service-revoked',
      from: '10.0.0.7',
      by: 'token:old',
      count: 2,
    })
    const text = await ground.metrics.text()
    assert.match(text, /^service_registry_heartbeats_total\{result="service-revoked"\} 2$/m)
    assert.match(text, /^service_registry_heartbeats_total\{result="service-deleted"\} 1$/m)
    assert.match(text, /^service_registry_heartbeats_total\{result="registered"\} 2$/m)
  })

  it('I4: is never before its registration, however slow the clock of the sender is', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    await ground.clock.advance(1_000)
    await ground.take([beatOf('poller/p', '', { at: 5_000 })])
    const { registeredAt, firstSeen } = (await ground.row('poller/p'))!
    const seen = ground.liveness.lastSeen(ground.slotOf('poller/p'))
    assert.ok(registeredAt <= firstSeen! && firstSeen! <= seen && seen <= ground.clock.now())
    await ground.take([beatOf('poller/p', '', { at: ground.clock.now() + 3_600_000 })])
    assert.equal(ground.liveness.lastSeen(ground.slotOf('poller/p')), ground.clock.now() + ground.config.skew)
  })

  it('defect 4: that crosses a revocation is not heard of after it, nor does it undo it', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    const slot = ground.slotOf('poller/p')
    const heard: number[] = []
    const beats = createBeats({
      ...ground,
      liveness: { ...ground.liveness, heard: (one, ...rest) => ground.liveness.heard((heard.push(one), one), ...rest) },
      metrics: createMetrics(),
      registrations: {
        ...ground.registrations,
        async transitAll(...given) {
          const done = await ground.registrations.transitAll(...given)
          await ground.turn('poller/p', 'revoke')
          return done
        },
      },
    })
    assert.equal((await beats.take([beatOf('poller/p')], anyone))[0]?.result, 'activated')
    assert.deepEqual(heard, [])
    assert.equal(ground.roster.statusOf(slot), 'revoked')
    assert.equal((await beats.take([beatOf('poller/p')], anyone))[0]?.why, 'service-revoked')
  })

  it('decided on before a revocation is decided anew, and refused', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    const beats = createBeats({
      ...ground,
      metrics: createMetrics(),
      registrations: {
        ...ground.registrations,
        async transitAll(...given) {
          await ground.turn('poller/p', 'revoke')
          return ground.registrations.transitAll(...given)
        },
      },
    })
    assert.equal((await beats.take([beatOf('poller/p')], anyone))[0]?.why, 'service-revoked')
    assert.equal(ground.statusOf('poller/p'), 'revoked')
  })

  it('that others are quicker than again and again is put off, and refused to nobody else', async () => {
    const ground = beatsOn()
    await ground.register('poller/p')
    const registrations = { ...ground.registrations, transitAll: () => Promise.resolve([]) }
    const beats = createBeats({ ...ground, metrics: createMetrics(), registrations })
    const answers = await beats.take([beatOf('poller/p'), beatOf('poller/new')], anyone)
    assert.deepEqual(answers.map(said), ['service-unavailable', 'registered'])
  })

  it('is taken wherever it stands in a batch of any length', async () => {
    const ground = beatsOn()
    const texts = Array.from({ length: 300 }, (_, at) => `poller/${at}`)
    const beats = texts.map((text, at) => beatOf(text, '', { healthy: at < 200 }))
    assert.ok((await ground.take(beats)).every((result) => result === 'registered'))
    await ground.turn('poller/130', 'revoke')
    await ground.clock.advance(5_000)
    const answers = await ground.take(beats)
    assert.deepEqual([answers[129], answers[130], answers[299]], ['taken', 'service-revoked', 'taken'])
    const now = ground.clock.now()
    const late = texts.filter((text) => ground.liveness.lastSeen(ground.slotOf(text)) !== now)
    assert.deepEqual(late, ['poller/130'])
    const well = texts.filter((text) => ground.liveness.seen(ground.slotOf(text)).healthy)
    assert.deepEqual(well, texts.slice(0, 200))
  })

  it('under another parent than the registered one is refused', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p'), beatOf('poller/q'), beatOf('agent/a', 'p')])
    const [outcome] = await ground.beats.take([beatOf('agent/a', 'q')], anyone)
    assert.equal(outcome?.why, 'service-parent')
    assert.equal(outcome?.detail, 'It is registered under poller p.')
    assert.deepEqual(await ground.take([beatOf('agent/a', 'p'), beatOf('agent/a')]), ['taken', 'taken'])
    assert.equal((await ground.row('agent/a'))?.parent, 'p')
  })

  it('whose boot changes is told of once, and so is an id that two share', async () => {
    const ground = beatsOn()
    const beat = (boot: string) => ground.take([beatOf('poller/p', '', { boot })])
    assert.deepEqual(await beat('one'), ['registered'])
    assert.deepEqual(await beat('two'), ['restarted'])
    assert.deepEqual(await beat('one'), ['duplicate'])
    for (const boot of ['two', 'one', 'two']) assert.deepEqual(await beat(boot), ['taken'])
    await ground.told.stop()
    const events = (await ground.events()).filter((event) => /restarted|duplicated/.test(event))
    assert.deepEqual(events, ['restarted poller/p', 'duplicated poller/p'])
    assert.equal((await ground.row('poller/p'))?.status, 'active')
  })
})

describe('while nothing can be written', () => {
  function failing(given: Given = {}) {
    let full = false
    const wrap = (journal: Journal): Journal => ({
      ...journal,
      commit: (...given) =>
        full ? Promise.reject(new AppError('journal.full', 'no space left')) : journal.commit(...given),
    })
    const ground = beatsOn(given, wrap)
    return {
      ...ground,
      fill(is: boolean) {
        full = is
      },
    }
  }

  it('known services are taken from memory, and only what needs a write is put off', async () => {
    const ground = failing()
    await ground.take([beatOf('poller/active')])
    await ground.register('poller/pending')
    ground.fill(true)
    const batch = [beatOf('poller/active'), beatOf('poller/pending'), beatOf('poller/new')]
    assert.deepEqual(await ground.take(batch), ['taken', 'service-unavailable', 'service-unavailable'])
    assert.equal(ground.statusOf('poller/pending'), 'pending')
    ground.fill(false)
    assert.deepEqual(await ground.take(batch), ['taken', 'activated', 'registered'])
  })

  it('what fails does not use up what one token may bring in a minute', async () => {
    const ground = failing({ implicit: { most_per_minute: 2 } })
    const batch = [beatOf('poller/a'), beatOf('poller/b')]
    ground.fill(true)
    for (let n = 0; n < 5; n += 1) await ground.take(batch)
    ground.fill(false)
    assert.deepEqual(await ground.take(batch), ['registered', 'registered'])
    assert.deepEqual(await ground.take([beatOf('poller/c')]), ['quarantined'])
  })

  it('a revoked service is refused all the same', async () => {
    const ground = failing()
    await ground.take([beatOf('poller/p')])
    await ground.turn('poller/p', 'revoke')
    ground.fill(true)
    assert.deepEqual(await ground.take([beatOf('poller/p')]), ['service-revoked'])
  })
})

describe('a credential that belongs to a service', () => {
  it('speaks for that one and what is below it, known or new, and for nobody else', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p'), beatOf('agent/a', 'p'), beatOf('poller/q'), beatOf('agent/b', 'q')])
    const own = (subject: string) => ({ ...anyone, name: 'credential', subject })
    const batch = [
      beatOf('poller/p'),
      beatOf('agent/a', 'p'),
      beatOf('agent/b', 'q'),
      beatOf('poller/q'),
      beatOf('poller/r'),
      beatOf('agent/new', 'p'),
      beatOf('checker/new', 'new'),
      beatOf('checker/foreign', 'b'),
    ]
    const no = 'service-subject'
    const expected = ['taken', 'taken', no, no, no, 'registered', 'registered', no]
    assert.deepEqual(await ground.take(batch, own('poller/p')), expected)
    assert.deepEqual(await ground.take([beatOf('agent/a'), beatOf('poller/p')], own('agent/a')), ['taken', no])
    assert.deepEqual(await ground.take([beatOf('checker/x', 'a')], own('agent/a')), ['registered'])
    assert.deepEqual(await ground.take([beatOf('poller/p')], own('some-cluster')), [no])
    assert.deepEqual(await ground.take([beatOf('poller/self')], own('poller/self')), ['registered'])
  })

  it('speaks in quarantine, too, for what is below it', async () => {
    const ground = beatsOn({ implicit: { policy: 'quarantine' } })
    const batch = [beatOf('agent/a', 'p'), beatOf('agent/b', 'q')]
    assert.deepEqual(await ground.take(batch, { ...anyone, subject: 'poller/p' }), ['quarantined', 'service-subject'])
  })

  it('defect 19: who claims to be another by its id alone is refused, and says nothing of that one', async () => {
    const ground = beatsOn()
    await ground.take([beatOf('poller/p'), beatOf('poller/q')])
    const seen = ground.liveness.lastSeen(ground.slotOf('poller/q'))
    await ground.clock.advance(1_000)
    const caller = { ...anyone, subject: 'poller/p' }
    assert.equal(ground.beats.takeNow(beatOf('poller/q'), caller, ground.clock.now())?.why, 'service-subject')
    assert.equal(ground.liveness.lastSeen(ground.slotOf('poller/q')), seen)
  })
})
