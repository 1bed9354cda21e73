import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeSite, type FakeSite } from './deploy/testing/fake-site.ts'
import { imageStages } from './tables.ts'
import { createWorld, key, openSection, type Section, type World } from './testing/section.ts'

const image = 'team/shop'

/** With v1 in the registry, and deployed. */
async function running(config: World['config'] = {}, site: FakeSite = createFakeSite()): Promise<Section> {
  const world = createWorld(site, config)
  world.registry.push(image, 'v1', 'sha256:v1')
  const section = await openSection(world)
  await world.clock.advance(5_000)
  assert.deepEqual(site.effects, [`${key} v1`])
  return section
}

test('what is pushed is deployed: told by a webhook within moments', async () => {
  const section = await running()
  const { clock, registry, site } = section
  registry.push(image, 'v2', 'sha256:v2')
  assert.equal(await section.hook(image, 'v2', 'delivery-1'), 202)
  await clock.advance(3_000)
  assert.deepEqual(site.effects, [`${key} v1`, `${key} v2`])
  assert.equal((await section.row())?.state, 'applied')
  await section.stop()
  assert.equal(clock.sleeping, 0)
})

test('an event that was lost is found by the next poll', async () => {
  const section = await running({ poll_interval: '5m' })
  section.registry.push(image, 'v2', 'sha256:v2')
  await section.clock.advance(6 * 60_000)
  assert.deepEqual(section.site.effects, [`${key} v1`, `${key} v2`])
  await section.stop()
})

test('webhook, poll and retry at once are one deploy', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  for (let version = 2; version < 12; version += 1) {
    registry.push(image, `v${version}`, `sha256:v${version}`)
    const hooks = ['a', 'b', 'a'].map((id) => section.hook(image, `v${version}`, `${version}${id}`))
    const asked = section.engine.pass('docker', { why: 'asked' })
    const looked = section.act('check')
    await clock.drive(Promise.all([...hooks, asked, looked]))
    await clock.advance(15_000)
  }
  assert.deepEqual(
    site.effects,
    Array.from({ length: 11 }, (_, at) => `${key} v${at + 1}`),
  )
  await section.stop()
})

test('killed at any moment, the next process deploys what is new, and only once', async () => {
  for (let after = 0; after <= 3_000; after += 150) {
    const section = await running({ poll_interval: '10s' })
    const { clock, registry, site } = section
    site.before = () => clock.sleep(400)
    site.after = () => clock.sleep(400)
    registry.push(image, 'v2', 'sha256:v2')
    await section.hook(image, 'v2', 'delivery-1')
    await clock.advance(after)
    section.kill()
    // Whoever dies holds his lease until it runs out.
    const next = await openSection(section, 'two')
    await clock.advance(60_000)
    assert.deepEqual(site.effects, [`${key} v1`, `${key} v2`], `killed after ${after} ms`)
    assert.equal((await next.row())?.state, 'applied')
    await next.stop()
  }
})

test('as long as nothing moves nothing is written, and the engine is not woken', async () => {
  const section = await running({ poll_interval: '1m' })
  const { clock, journal, registry } = section
  await clock.advance(120_000)
  registry.asked.splice(0)
  const { seq } = await journal.head()
  await clock.advance(20 * 60_000)
  assert.equal((await journal.head()).seq, seq)
  assert.ok(registry.asked.length >= 18 && registry.asked.length <= 44, String(registry.asked.length))
  await section.stop()
})

test('what does not come up runs on as before; the next version is deployed', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  site.after = ({ release, was, stage }) => {
    if (release.tag !== 'v2') return
    site.runs.set(stage.key, { ...was!, owned: true })
    return { is: 'rolled-back', why: 'it restarts all the time' } as never
  }
  registry.push(image, 'v2', 'sha256:v2')
  await clock.advance(3_600_000)
  assert.equal(site.calls.length, 2)
  assert.deepEqual([(await section.row())?.reason, (await section.row())?.digestLabel], ['rolled-back', 'v1'])
  registry.push(image, 'v3', 'sha256:v3')
  await clock.advance(30_000)
  assert.equal(site.runs.get(key)?.tag, 'v3')
  await section.stop()
})

test('a paused stage sees what is new and deploys it once it is resumed', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  await section.act('pause', { reason: 'release of the year' })
  registry.push(image, 'v2', 'sha256:v2')
  await clock.advance(60_000)
  assert.deepEqual([site.effects.length, await section.held()], [1, [`${key} paused`]])
  await section.act('resume')
  await clock.advance(1_000)
  assert.deepEqual([site.effects.at(-1), await section.held()], [`${key} v2`, []])
  await section.stop()
})

test('a rollback stays until it is taken back, whatever is pushed', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  registry.push(image, 'v2', 'sha256:v2')
  await clock.advance(30_000)
  await section.act('rollback')
  await clock.advance(5_000)
  assert.equal(site.runs.get(key)?.tag, 'v1')
  registry.push(image, 'v3', 'sha256:v3')
  await clock.advance(60_000)
  assert.equal(site.runs.get(key)?.tag, 'v1')
  await section.act('unpin')
  await clock.advance(5_000)
  assert.equal(site.runs.get(key)?.tag, 'v3')
  await section.stop()
})

test('a changed pattern begins anew, against what is deployed', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  registry.push(image, 'wild-1', 'sha256:wild')
  await clock.advance(30_000)
  await section.stop()
  section.config = { poll_interval: '10s', stages: { production: { pattern: 'v1' } } }
  const same = await openSection(section)
  await clock.advance(30_000)
  assert.deepEqual(site.effects, [`${key} v1`])
  await same.stop()
  section.config = { poll_interval: '10s', stages: { production: { pattern: 'wild-*', strategy: 'alphabetical' } } }
  const other = await openSection(section)
  await clock.advance(30_000)
  assert.deepEqual(site.effects, [`${key} v1`, `${key} wild-1`])
  await other.stop()
})

test('where nothing was deployed yet, a changed pattern has a baseline of its own', async () => {
  const site = createFakeSite({ looks: false })
  const world = createWorld(site, { poll_interval: '10s' })
  const { clock, registry } = world
  registry.push(image, 'v1', 'sha256:v1')
  registry.push(image, 'wild-1', 'sha256:wild')
  const before = await openSection(world)
  await clock.advance(30_000)
  assert.deepEqual([site.effects, await before.held()], [[], [`${key} baseline`]])
  await before.stop()
  world.config = { poll_interval: '10s', stages: { production: { pattern: 'wild-*', strategy: 'alphabetical' } } }
  const section = await openSection(world)
  await clock.advance(30_000)
  assert.deepEqual(
    [site.effects, await section.held(), (await section.row())?.label],
    [[], [`${key} baseline`], 'wild-1'],
  )
  registry.push(image, 'wild-2', 'sha256:wild-2')
  await clock.advance(30_000)
  assert.deepEqual([site.effects, await section.held()], [[`${key} wild-2`], []])
  await section.stop()
})

test('versions wait for two people and for the window, in that order', async () => {
  const stages = { production: { approval: { count: 2 }, window: 'Mon-Sun 02:00-03:00 UTC' } }
  const site = createFakeSite()
  const world = createWorld(site, { poll_interval: '10s', stages })
  world.registry.push(image, 'v1', 'sha256:v1')
  const section = await openSection(world)
  await world.clock.advance(30_000)
  assert.deepEqual(await section.held(), [`${key} approval`])
  await section.act('approve', {}, key, 'ann')
  await section.act('approve', {}, key, 'ann')
  await world.clock.advance(1_000)
  assert.deepEqual(await section.held(), [`${key} approval`])
  await section.act('approve', {}, key, 'bob')
  await world.clock.advance(1_000)
  assert.deepEqual([site.effects, await section.held()], [[], [`${key} window`]])
  const { due } = (await section.row())!
  assert.equal(new Date(due!).getUTCHours(), 2)
  await world.clock.advance(due! - world.clock.now() + 2_000)
  assert.deepEqual([site.effects, await section.held()], [[`${key} v1`], []])
  await section.stop()
})

test('what is older than what is deployed is shown, and not deployed', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site, journal } = section
  registry.push(image, 'v2', 'sha256:v2')
  await clock.advance(30_000)
  registry.untag(image, 'v2')
  await clock.advance(30_000)
  assert.deepEqual([site.effects.length, await section.held()], [2, [`${key} never-down`]])
  const known = await journal.get(imageStages, { project: 'shop', stage: 'production' })
  assert.deepEqual([known?.result, known?.detail], ['regressed', 'v1 is older than v2, which is deployed'])
  await section.stop()
})

test('the last stage of a deployer is let go of without asking, also where nobody can look', async () => {
  const stages = { production: { deploy_on_first: true } }
  const section = await running({ stages }, createFakeSite({ looks: false }))
  await section.stop()
  section.config = { stages: {} }
  const without = await openSection(section)
  await without.clock.advance(30_000)
  assert.deepEqual([await without.row(), await without.held()], [null, []])
  await without.stop()
})

test('another replica takes over, and what is asked of one is done by the other', async () => {
  const section = await running({ poll_interval: '10s' })
  const { clock, registry, site } = section
  const other = await openSection({ ...section, journal: { ...section.journal, shared: true } }, 'two')
  await section.act('pause')
  registry.push(image, 'v2', 'sha256:v2')
  await clock.advance(30_000)
  assert.equal(site.effects.length, 1)
  registry.asked.splice(0)
  await clock.advance(60_000)
  assert.ok(registry.asked.length <= 14, `only one of them polls: ${registry.asked.length}`)
  section.kill()
  await clock.advance(30_000)
  assert.deepEqual(await other.held(), [`${key} paused`])
  await other.act('resume')
  await clock.advance(5_000)
  assert.deepEqual(site.effects, [`${key} v1`, `${key} v2`])
  await other.stop()
})
