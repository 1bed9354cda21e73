import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stageFor } from '../stages/testing/stages.ts'
import { run } from './testing/engine.ts'
import { createFakeRegistry } from './testing/fake-registry.ts'
import { createGround, minute, shop, shopScope } from './testing/ground.ts'

const key = 'shop/production'
const latest = stageFor(key, { pattern: 'latest', deploy_on_first: true })
const releases = stageFor(key, { pattern: 'v*', deploy_on_first: true })
/** Longer than any interval of these tests: what a poll finds is found. */
const interval = 6 * minute

test('acceptance 5: a tag that moved is deployed once, by its new digest', async () => {
  const registry = createFakeRegistry()
  registry.push('team/shop', 'latest', 'd1')
  const { ground, deploys, close } = await run({ stages: [latest], registries: [registry] })
  assert.deepEqual(deploys, [`${key} latest d1`])
  registry.push('team/shop', 'latest', 'd2')
  await ground.clock.advance(2 * interval)
  assert.deepEqual(deploys.splice(0), [`${key} latest d1`, `${key} latest d2`])
  assert.equal(ground.book.state(key).result, 'moved')
  await close()
})

test('acceptance 5: the chosen tag of a list without digests moved, and is deployed within the hour', async () => {
  const registry = createFakeRegistry()
  registry.push('team/shop', 'v1', 'd1')
  const { ground, deploys, close } = await run({ stages: [releases], registries: [registry] })
  registry.push('team/shop', 'v1', 'd2')
  await ground.clock.advance(60 * minute + interval)
  assert.deepEqual(deploys, [`${key} v1 d1`, `${key} v1 d2`])
  await close()
})

test('acceptance 5: a push of the same digest again, also under another tag, is no deploy', async () => {
  const registry = createFakeRegistry('main', { digests: true, times: true })
  registry.push('team/shop', 'v1', 'd1', 1)
  const { ground, deploys, close } = await run({ stages: [releases], registries: [registry] })
  registry.push('team/shop', 'v1', 'd1', 2)
  ground.watch.hint(shop, 'webhook', 'v1')
  await ground.clock.advance(interval)
  registry.push('team/shop', 'v2', 'd1', 3)
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(interval)
  assert.deepEqual(deploys, [`${key} v1 d1`])
  assert.deepEqual((await ground.look()).items, [`${key}=v2@d1`])
  await close()
})

test('acceptance 5: a tag that was deleted, and all of them, are no deploy and no removal', async () => {
  for (const stage of [latest, releases]) {
    const registry = createFakeRegistry()
    registry.push('team/shop', 'v1', 'd1')
    registry.push('team/shop', 'v2', 'd2')
    registry.push('team/shop', 'latest', 'd2')
    const { ground, deploys, close } = await run({ stages: [stage], registries: [registry] })
    assert.equal(deploys.length, 1)
    for (const tag of ['latest', 'v2']) registry.untag('team/shop', tag)
    await ground.clock.advance(2 * interval)
    // What is older is candidate now, and waits for a person.
    assert.equal(ground.book.state(key).result, stage === latest ? 'not_found' : 'regressed')
    registry.untag('team/shop', 'v1')
    await ground.clock.advance(2 * interval)
    assert.equal(ground.book.state(key).result, stage === latest ? 'not_found' : 'no_match')
    registry.drop('team/shop')
    await ground.clock.advance(2 * interval)
    assert.equal(ground.book.state(key).result, 'not_found')
    assert.equal(deploys.length, 1)
    await close()
  }
})

test('acceptance 5: a tag that moved while nobody ran is found by the first look, and what did not is not asked for whole', async () => {
  const registry = createFakeRegistry()
  registry.push('team/shop', 'latest', 'd1')
  registry.push('team/shop', 'v1', 'd1')
  const stages = [latest, stageFor('shop/list', { pattern: 'v*', deploy_on_first: true })]
  const before = await run({ stages, registries: [registry] })
  await before.close()
  registry.push('team/shop', 'latest', 'd2')
  registry.asked.length = 0
  const after = await run({ stages, registries: [registry] }, before.ground)
  assert.deepEqual(after.deploys, [`${key} latest d2`])
  assert.equal(after.ground.book.state(key).result, 'moved')
  assert.deepEqual(registry.asked.toSorted(), ['head team/shop:latest', 'head team/shop:v1 304', 'list team/shop'])
  await after.close()
})

test('acceptance 8: the webhook is lost with the registry; the next poll finds what it would have told', async () => {
  const registry = createFakeRegistry()
  registry.push('team/shop', 'v1', 'd1')
  const { ground, deploys, close } = await run({ stages: [releases], registries: [registry] })
  registry.refuse('network')
  await ground.clock.advance(2 * minute)
  registry.push('team/shop', 'v2', 'd2')
  registry.refuse(null)
  // One interval, and its jitter.
  await ground.clock.advance(5 * minute * 1.1)
  assert.deepEqual(deploys, [`${key} v1 d1`, `${key} v2 d2`])
  await close()
})

test('acceptance 8: also while it is polled less often, because webhooks came before', async () => {
  const registry = createFakeRegistry()
  registry.push('team/shop', 'v1', 'd1')
  const { ground, deploys, close } = await run({ stages: [releases], registries: [registry] })
  registry.push('team/shop', 'v2', 'd2')
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(minute)
  assert.equal(ground.watch.places()[0]?.slowedDown, true)
  registry.push('team/shop', 'v3', 'd3')
  await ground.clock.advance(50 * minute * 1.1)
  assert.deepEqual(deploys, [`${key} v1 d1`, `${key} v2 d2`, `${key} v3 d3`])
  assert.equal(ground.watch.places()[0]?.slowedDown, false)
  registry.push('team/shop', 'v4', 'd4')
  await ground.clock.advance(5 * minute * 1.1)
  assert.equal(deploys.at(-1), `${key} v4 d4`)
  await close()
})

test('acceptance 10: a registry that wants to be left alone is, and delays no other', async () => {
  const busy = createFakeRegistry('busy')
  const near = createFakeRegistry('main')
  const names = Array.from({ length: 100 }, (_, index) => `team/app-${index}`)
  for (const name of names) busy.push(name, 'v1', 'd1')
  near.push('team/shop', 'v1', 'd1')
  const stages = names.map((image, index) => stageFor(`busy/s${index}`, { registry: 'busy', image, pattern: 'v*' }))
  const { ground, deploys, close } = await run({ stages: [releases, ...stages], registries: [near, busy] })
  busy.refuse('rate-limited', { retryAfter: 30 * minute })
  await ground.clock.advance(interval)
  const refusedAt = ground.asked(busy).length
  assert.ok(refusedAt >= 1)
  near.push('team/shop', 'v2', 'd2')
  await ground.clock.advance(interval)
  assert.deepEqual(deploys, [`${key} v1 d1`, `${key} v2 d2`])
  // Nobody goes there before it allows.
  assert.deepEqual(ground.asked(busy), [])
  assert.equal(ground.book.state('busy/s1').result, 'rate_limited')
  assert.equal((await ground.look('busy/team%2Fapp-7')).why, 'rate-limited')
  assert.deepEqual(ground.asked(busy), [])
  const until = Math.min(...ground.watch.places().flatMap((place) => (place.registry === 'busy' ? place.nextAt! : [])))
  assert.ok(until > ground.clock.now() + 15 * minute)
  busy.refuse(null)
  await ground.clock.advance(35 * minute)
  assert.equal(ground.book.state('busy/s1').result, 'unchanged')
  await close()
})

test('acceptance 10: neither does one that hangs', async () => {
  const silent = createFakeRegistry('silent')
  const near = createFakeRegistry('main')
  near.push('team/shop', 'v1', 'd1')
  const stages = Array.from({ length: 100 }, (_, index) =>
    stageFor(`silent/s${index}`, { registry: 'silent', image: `team/app-${index}`, pattern: 'v*' }),
  )
  silent.hang()
  const { ground, deploys, close } = await run({ stages: [...stages, releases], registries: [silent, near] })
  assert.deepEqual(deploys, [`${key} v1 d1`])
  near.push('team/shop', 'v2', 'd2')
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(2_000)
  assert.deepEqual(deploys, [`${key} v1 d1`, `${key} v2 d2`])
  assert.ok(silent.most <= 16)
  await close()
})

const tag = fc.constantFrom('v1', 'v2', 'v2.1', 'v10', '1.0', '1.0-alpine', '2024.01.05', 'abcdef1', 'latest', 'dev-7')

test('acceptance 11: lists in any order give the same choice', async () => {
  const lists = fc.uniqueArray(tag, { minLength: 1 })
  const strategy = fc.constantFrom('auto', 'semver', 'numeric', 'alphabetical', 'pushed', 'created')
  const seeds = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 10, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(lists, strategy, seeds, async (tags, by, order) => {
      const told = async (sorted: boolean) => {
        const registry = createFakeRegistry('main', { times: true })
        const stage = stageFor(key, { strategy: by })
        tags.forEach((name, at) => registry.push('team/shop', name, `d${at}`, 1_000 * (at % 3)))
        tags.forEach((_, at) => registry.built.set(`d${at}`, 1_000 * (at % 2)))
        if (!sorted) registry.shuffle = (all) => all.toSorted((a, b) => weight(a.name) - weight(b.name))
        const ground = await createGround({ stages: [stage], registries: [registry] })
        const { items, troubles } = await ground.look()
        await ground.close()
        return [...items, ...troubles]
      }
      const weight = (name: string) => order[(tags as string[]).indexOf(name) % order.length]!
      assert.deepEqual(await told(false), await told(true))
    }),
    { numRuns: 60 },
  )
})

test('acceptance 11: events in any order, repeated, late and in between polls end in the same state', async () => {
  const move = fc.record({
    tag: fc.constantFrom('v1', 'v2', 'v3', 'latest'),
    digest: fc.constantFrom('d1', 'd2', 'd3'),
  })
  const moves = fc.array(move, { minLength: 1, maxLength: 6 })
  const events = fc.array(
    fc.record({ of: fc.nat(5), late: fc.nat(400_000), named: fc.boolean(), asked: fc.boolean() }),
    { maxLength: 10 },
  )
  await fc.assert(
    fc.asyncProperty(moves, events, async (pushes, hints) => {
      const registry = createFakeRegistry()
      registry.push('team/shop', 'v0', 'd0')
      registry.push('team/shop', 'latest', 'd0')
      const stages = [latest, stageFor('shop/list', { pattern: 'v*' })]
      const ground = await createGround({ stages, registries: [registry] })
      ground.listen()
      await ground.lookAll()
      pushes.forEach((push) => registry.push('team/shop', push.tag, push.digest))
      for (const hint of hints.toSorted((a, b) => a.late - b.late)) {
        const push = pushes[hint.of % pushes.length]!
        ground.watch.hint(shop, hint.asked ? 'asked' : 'webhook', hint.named ? push.tag : null)
        await ground.clock.advance(hint.late % 7_000)
      }
      // Also what nobody told of: the chosen tag may have moved.
      await ground.clock.advance(70 * minute)
      const { items } = await ground.look(shopScope)
      const fresh = await createGround({ stages, registries: [registry] })
      assert.deepEqual(items, (await fresh.lookAll()).items)
      await fresh.close()
      await ground.close()
    }),
    { numRuns: 60 },
  )
})

test('acceptance 12: closing leaves no timer and no promise, wherever it is caught', async () => {
  const pushes = ['idle', 'hinted', 'hanging', 'failing', 'queued'] as const
  for (const when of pushes) {
    const registry = createFakeRegistry()
    const stages = Array.from({ length: 40 }, (_, at) => stageFor(`shop/s${at}`, { image: `team/app-${at}` }))
    for (let at = 0; at < 40; at += 1) registry.push(`team/app-${at}`, 'v1', 'd1')
    const ground = await createGround({ stages, registries: [registry] })
    ground.listen()
    await ground.clock.settle()
    if (when !== 'queued') await ground.lookAll()
    if (when === 'failing') registry.refuse('network')
    if (when === 'hanging' || when === 'queued') registry.hang()
    const looks = stages.map(({ image }) => ground.watch.look({ registry: 'main', image }, AbortSignal.timeout(60_000)))
    if (when === 'hinted') ground.watch.hint({ registry: 'main', image: 'team/app-0' }, 'webhook', null)
    await ground.clock.settle()
    const began = ground.clock.now()
    await ground.close()
    await ground.clock.drive(Promise.all(looks))
    assert.equal(ground.clock.now(), began, when)
    assert.equal(ground.clock.sleeping, 0, when)
    assert.equal(registry.waiting, 0, when)
    const asked = registry.asked.length
    await ground.clock.advance(2 * interval)
    assert.equal(registry.asked.length, asked, when)
  }
})
