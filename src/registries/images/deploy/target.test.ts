import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { createFakeSite, pending, type FakeSite } from './testing/fake-site.ts'
import { createHouse, type House } from './testing/house.ts'

const key = 'shop/production'
const blind = stageFor(key, { deploy_on_first: true })
const never = new Promise<never>(() => {})

async function deployed(site: FakeSite = createFakeSite(), stages = [stageFor()]): Promise<House> {
  const house = await createHouse(site, stages)
  for (const stage of stages) await house.push(stage.key, 'v1')
  await house.pass()
  return house
}

test('a version is deployed once, and its receipt says what ran before', async () => {
  const house = await deployed()
  await house.push(key, 'v2')
  await house.pass()
  await house.pass()
  assert.deepEqual(house.site.effects, [`${key} v1`, `${key} v2`])
  const receipt = await house.receipt(key)
  assert.deepEqual(
    [receipt.tag, receipt.digest, receipt.ref, receipt.previous],
    ['v2', 'sha256:v2', 'container of v2', { tag: 'v1', digest: 'sha256:v1' }],
  )
  const [, second] = house.site.requests
  assert.deepEqual(second!.was, { revision: 'sha256:v1', tag: 'v1' })
})

test('another tag of the same digest is no deploy', async () => {
  const house = await deployed()
  await house.push(key, 'v1.0', 'sha256:v1')
  await house.pass()
  assert.deepEqual(house.site.effects, [`${key} v1`])
})

test('a deploy that takes its time goes on beside the passes, and one that is slow delays no other', async () => {
  const site = createFakeSite()
  const stages = ['a/one', 'a/two', 'a/three'].map((name) => stageFor(name))
  const slow = Promise.withResolvers<void>()
  site.before = async ({ stage }, { say }) => {
    if (stage.key !== 'a/one') return
    say('pulling 3 of 9')
    await slow.promise
  }
  const house = await createHouse(site, stages)
  for (const { key: name } of stages) await house.push(name, 'v1')
  await house.pass()
  assert.deepEqual(site.effects.toSorted(), ['a/three v1', 'a/two v1'])
  assert.equal((await house.row('a/one')).state, 'waiting')
  assert.equal((await house.row('a/one')).reason, 'deploying')
  assert.equal(house.target.progress('a/one')?.step, 'pulling 3 of 9')
  await house.push('a/two', 'v2')
  await house.pass()
  assert.equal((await house.receipt('a/two')).tag, 'v2')
  slow.resolve()
  await house.clock.advance(2_000)
  await house.pass()
  assert.equal((await house.row('a/one')).state, 'applied')
  assert.equal(house.target.progress('a/one'), null)
  assert.equal(site.calls.filter((call) => call === 'a/one v1').length, 1)
})

test('no more go on at once than the deployer is allowed', async () => {
  const site = createFakeSite()
  const stages = Array.from({ length: 12 }, (_, at) => stageFor(`a/${at}`))
  const { promise, resolve } = Promise.withResolvers<void>()
  site.before = () => promise
  const house = await createHouse(site, stages)
  for (const { key: name } of stages) await house.push(name, 'v1')
  await house.pass()
  assert.equal(site.going.size, 4)
  resolve()
  await house.clock.advance(2_000)
  await house.pass()
  assert.deepEqual([site.effects.length, site.most], [12, 4])
})

test('a newer version ends the deploy of the one before, and begins once that has ended', async () => {
  const site = createFakeSite()
  const ends: string[] = []
  site.before = async ({ release }, _, signal) => {
    if (release.tag !== 'v1') return void ends.push(`begins ${release.tag}`)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await house.clock.sleep(3_000)
    ends.push(`ended ${release.tag}`)
  }
  const house: House = await createHouse(site, [stageFor()])
  await house.push(key, 'v1')
  await house.pass()
  await house.push(key, 'v2')
  await house.pass()
  assert.deepEqual(ends, ['ended v1', 'begins v2'])
  assert.deepEqual(site.effects, [`${key} v2`])
  assert.equal((await house.row(key)).digestLabel, 'v2')
})

test('while a newer version waits for approval, the one that is being deployed comes to its end', async () => {
  const site = createFakeSite()
  const slow = Promise.withResolvers<void>()
  site.before = ({ release }) => (release.tag === 'v1' ? slow.promise : undefined)
  const house = await createHouse(site, [stageFor(key, { auto_deploy: false })])
  await house.push(key, 'v1')
  await house.book.approve(key, 'sha256:v1', 'ann')
  await house.pass()
  await house.push(key, 'v2')
  await house.pass()
  assert.equal((await house.row(key)).state, 'waiting')
  await house.restart()
  slow.resolve()
  await house.clock.advance(5_000)
  await house.pass()
  await house.pass()
  assert.deepEqual(await house.held(), [`${key} approval`])
  assert.deepEqual([(await house.row(key)).digestLabel, (await house.receipt(key)).tag], ['v1', 'v1'])
})

test('what does not come up is not tried again before something newer comes, or a person asks', async () => {
  const site = createFakeSite()
  site.after = ({ release, was, stage }) => {
    if (release.tag !== 'v2') return
    site.runs.set(stage.key, { revision: was!.revision, tag: was!.tag, owned: true })
    return { is: 'rolled-back', why: 'exit code 1, three times' } as never
  }
  const house = await deployed(site)
  await house.push(key, 'v2')
  await house.pass()
  for (let hour = 0; hour < 3; hour += 1) {
    await house.clock.advance(3_600_000)
    await house.pass()
  }
  await house.restart()
  await house.pass()
  const row = await house.row(key)
  assert.deepEqual(
    [row.state, row.reason, row.detail, row.digestLabel],
    ['rejected', 'rolled-back', 'exit code 1, three times', 'v1'],
  )
  assert.deepEqual(site.calls, [`${key} v1`, `${key} v2`])
  await house.book.again(key, 'ann')
  await house.pass()
  assert.deepEqual(site.calls, [`${key} v1`, `${key} v2`, `${key} v2`])
  await house.push(key, 'v3')
  await house.pass()
  assert.equal((await house.receipt(key)).previous?.tag, 'v1')
})

test('what is deployed is deployed once more where a person wants that, and what ran before it is still known', async () => {
  const house = await deployed()
  await house.push(key, 'v2')
  await house.pass()
  await house.book.again(key, 'ann')
  await house.pass()
  await house.pass()
  assert.deepEqual(house.site.effects, [`${key} v1`, `${key} v2`, `${key} v2`])
  assert.equal((await house.receipt(key)).previous?.tag, 'v1')
})

test('a rollback is a pin, and stays one until it is taken back', async () => {
  const house = await deployed()
  await house.push(key, 'v2')
  await house.pass()
  const { tag, digest } = (await house.receipt(key)).previous!
  await house.book.pin(key, { tag, digest, by: 'ann', reason: null })
  await house.pass()
  assert.deepEqual(await house.held(), [`${key} never-down`])
  await house.book.ask(key, digest, 'ann', false)
  await house.clock.settle()
  await house.pass()
  assert.equal((await house.receipt(key)).tag, 'v1')
  await house.push(key, 'v3')
  await house.pass()
  assert.equal((await house.receipt(key)).tag, 'v1')
  await house.book.unpin(key, 'ann')
  await house.pass()
  assert.equal((await house.receipt(key)).tag, 'v3')
})

test('deployers that fail are called again under the same id; refusals wait for another version', async () => {
  const site = createFakeSite({ looks: false })
  let fails = 2
  site.before = () => {
    fails -= 1
    if (fails >= 0) throw new AppError('target.unavailable', 'the engine does not answer')
  }
  const house = await createHouse(site, [blind])
  await house.push(key, 'v1')
  for (let turn = 0; turn < 4; turn += 1) {
    await house.pass()
    await house.clock.advance(120_000)
  }
  assert.deepEqual(site.effects, [`${key} v1`])
  assert.equal(new Set(site.requests.map(({ effectId }) => effectId)).size, 1)
  site.before = () => ({ is: 'refused', why: 'no such workload', until: 'item' }) as never
  await house.push(key, 'v2')
  await house.pass()
  const { state, reason, detail } = await house.row(key)
  assert.deepEqual([state, reason, detail], ['rejected', 'refused', 'no such workload'])
})

test('what was taken and is not true yet is asked for by its handle, also by another process', async () => {
  const site = createFakeSite({ looks: false })
  let over = false
  site.after = () => (over ? undefined : (pending({ url: '/deploys/7' }) as never))
  const house = await deployed(site, [blind])
  assert.equal((await house.row(key)).state, 'waiting')
  await house.restart()
  over = true
  await house.clock.advance(2_000)
  await house.pass()
  assert.equal((await house.row(key)).state, 'applied')
  assert.deepEqual([site.calls.at(-1), site.effects], [`${key} +v1`, [`${key} v1`]])
})

for (const moment of ['before', 'after'] as const) {
  test(`killed ${moment} the effect, a deployer with ids has exactly one`, async () => {
    for (const looks of [true, false]) {
      const site = createFakeSite({ looks })
      const house = await createHouse(site, [blind])
      await house.push(key, 'v1')
      const there = Promise.withResolvers<void>()
      site[moment] = () => {
        site[moment] = () => {}
        there.resolve()
        return never
      }
      void house.pass().catch(() => {})
      await house.clock.drive(there.promise)
      await house.restart()
      await house.clock.advance(5_000)
      await house.pass()
      assert.deepEqual(site.effects, [`${key} v1`])
      assert.equal((await house.row(key)).state, 'applied')
    }
  })

  test(`killed ${moment} the effect, a command is not run again until a person says so`, async () => {
    const site = createFakeSite({ looks: false, repeat: 'unsafe', abortable: false })
    const house = await createHouse(site, [blind])
    await house.push(key, 'v1')
    const there = Promise.withResolvers<void>()
    site[moment] = () => {
      site[moment] = () => {}
      there.resolve()
      return never
    }
    void house.pass().catch(() => {})
    await house.clock.drive(there.promise)
    await house.restart()
    await house.clock.advance(3_600_000)
    await house.pass()
    await house.restart()
    await house.pass()
    assert.ok(site.effects.length <= 1)
    assert.equal(site.calls.length, 1)
    assert.deepEqual(await house.held(), [`${key} outcome-unknown`])
  })
}

test('a command comes to its end within the pass, several side by side, each told of as it ends', async () => {
  const site = createFakeSite({ looks: false, repeat: 'unsafe', abortable: false })
  const stages = ['a/one', 'a/two'].map((name) => stageFor(name, { deploy_on_first: true }))
  const slow = Promise.withResolvers<void>()
  site.before = ({ stage }) => (stage.key === 'a/one' ? slow.promise : undefined)
  const house = await createHouse(site, stages)
  for (const { key: name } of stages) await house.push(name, 'v1')
  const passing = house.engine.pass('docker', { why: 'asked' })
  await house.clock.advance(60_000)
  assert.deepEqual([(await house.row('a/one')).state, (await house.row('a/two')).state], ['sending', 'applied'])
  slow.resolve()
  await house.clock.drive(passing)
  assert.deepEqual(site.calls, ['a/one v1', 'a/two v1'])
})

test('a stage that is removed while it is deployed is forgotten, and deployed anew when it comes back', async () => {
  const site = createFakeSite()
  const slow = Promise.withResolvers<void>()
  site.before = () => slow.promise
  const house = await createHouse(site, [])
  const stage = stageFor(key, {}, 'api')
  await house.book.define(stage, 'ann', 'absent')
  await house.push(key, 'v1')
  await house.pass()
  assert.equal(house.target.progress(key)?.step, 'pulling')
  await house.book.remove(key, 'ann')
  await house.pass()
  assert.equal(await house.row(key), null)
  slow.resolve()
  await house.clock.advance(5_000)
  assert.equal(house.target.progress(key), null)
  site.runs.delete(key)
  await house.book.define(stage, 'ann', 'absent')
  await house.push(key, 'v2')
  await house.pass()
  assert.equal((await house.receipt(key)).tag, 'v2')
})

test('a stage that is removed is let go of: what runs there goes on running', async () => {
  const house = await deployed()
  await house.restart([])
  await house.pass()
  assert.equal(await house.row(key), null)
  assert.deepEqual(house.site.effects, [`${key} v1`])
  assert.equal(house.site.runs.get(key)?.tag, 'v1')
})

test('the baseline is deployed only where nothing runs; somebody else’s deploy is shown and not overwritten', async () => {
  const site = createFakeSite()
  site.runs.set(key, { revision: 'sha256:theirs', tag: 'theirs', owned: false })
  const house = await deployed(site)
  assert.deepEqual([site.effects, await house.held()], [[], [`${key} baseline`]])
  await house.push(key, 'v2')
  await house.pass()
  assert.deepEqual(site.effects, [`${key} v2`])
  site.runs.set(key, { revision: 'sha256:theirs', tag: 'theirs', owned: false })
  house.run()
  await house.clock.advance(3_700_000)
  assert.deepEqual([site.effects, await house.held()], [[`${key} v2`], [`${key} drift-reported`]])
  await house.stop()
})

test('a site that cannot be looked at may run something: the baseline is held', async () => {
  const house = await deployed(createFakeSite({ looks: false }))
  assert.deepEqual([house.site.effects, await house.held()], [[], [`${key} baseline`]])
})
