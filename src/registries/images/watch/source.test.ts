import assert from 'node:assert/strict'
import { test } from 'node:test'
import { root } from '../../../engine/scope.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { createFakeRegistry } from './testing/fake-registry.ts'
import { createGround, minute, shop, shopScope, type Setting } from './testing/ground.ts'

const key = 'shop/production'
const latest = stageFor(key, { pattern: 'latest' })
const releases = stageFor(key, { pattern: 'v*' })

async function opened(setting: Partial<Setting> = {}) {
  const ground = await createGround({ stages: [releases], ...setting })
  ground.registry.push('team/shop', 'latest', 'd1', 1)
  ground.registry.push('team/shop', 'v1', 'd1', 1)
  ground.listen()
  return ground
}

test('a repository is a scope, and the newest version of each stage an entry', async () => {
  const stages = [latest, stageFor('shop/test', { pattern: 'v*' }), stageFor('shop/other', { image: 'team/other' })]
  const ground = await opened({ stages })
  ground.registry.push('team/other', 'v9', 'd9')
  const seen = await ground.lookAll()
  assert.deepEqual(seen.children, [shopScope, 'main/team%2Fother'])
  assert.deepEqual(seen.items, ['shop/other=v9@d9', 'shop/production=latest@d1', 'shop/test=v1@d1'])
  const [entry] = seen.entries
  assert.deepEqual(entry?.item, {
    project: 'shop',
    stage: 'production',
    registry: 'main',
    repository: 'main.example.io/team/shop',
    tag: 'latest',
    digest: 'd1',
    revision: 'd1',
    at: null,
  })
  await ground.close()
})

test('one list for all stages of a repository, and one HEAD for each tag that is followed or chosen', async () => {
  const stages = [latest, stageFor('shop/again', { pattern: 'latest' }), stageFor('shop/list', { pattern: 'v*' })]
  stages.push(stageFor('shop/list-too', { pattern: 'v*', strategy: 'semver' }))
  const ground = await opened({ stages })
  await ground.lookAll()
  assert.deepEqual(ground.asked().toSorted(), ['head team/shop:latest', 'head team/shop:v1', 'list team/shop'])
  await ground.close()
})

test('the first look of a stage is its baseline, and what it finds later is written before the engine is told', async () => {
  const ground = await opened()
  await ground.lookAll()
  assert.deepEqual([ground.book.state(key).result, ground.book.state(key).baseline?.tag], ['first', 'v1'])
  ground.hints()
  ground.registry.push('team/shop', 'v2', 'd2')
  const { observed } = ground.book
  let hintedBefore: unknown = null
  ground.book.observed = async (...seen) => {
    await observed(...seen)
    hintedBefore = ground.hints()
  }
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  assert.deepEqual([hintedBefore, ground.hints()], [[], [shopScope]])
  assert.equal(ground.book.state(key).result, 'new')
  assert.deepEqual((await ground.look()).items, ['shop/production=v2@d2'])
  await ground.close()
})

test('who only plans is told what is there now, and nothing comes of it', async () => {
  const ground = await opened()
  const { seq } = await ground.journal.head()
  assert.deepEqual((await ground.dryLook(root)).children, [shopScope])
  assert.deepEqual((await ground.dryLook()).items, ['shop/production=v1@d1'])
  assert.deepEqual(ground.asked(), ['list team/shop', 'head team/shop:v1'])
  assert.deepEqual(
    [ground.book.state(key).result, ground.hints(), ground.watch.places()[0]?.lookedAt],
    [null, [], null],
  )
  assert.equal((await ground.journal.head()).seq, seq)
  await ground.lookAll()
  assert.equal(ground.book.state(key).result, 'first')
  ground.registry.refuse('network')
  await ground.clock.advance(6_000)
  assert.equal((await ground.dryLook()).why, 'unreachable')
  assert.equal(ground.book.state(key).result, 'first')
  await ground.close()
})

test('the look that follows a hint is answered from memory, and so is one soon after another', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.hints()
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  ground.asked()
  // As late as an engine comes that has much to do.
  await ground.clock.advance(20_000)
  assert.deepEqual((await ground.look()).items, ['shop/production=v2@d2'])
  assert.deepEqual(ground.asked(), [])
  await ground.look()
  assert.deepEqual(ground.asked(), ['list team/shop', 'head team/shop:v2 304'])
  await ground.look()
  assert.deepEqual(ground.asked(), [])
  await ground.close()
})

test('nothing to deploy shields what is there: no match, a tag that is gone, all gone, no such repository', async () => {
  const stages = [latest, stageFor('shop/list', { pattern: 'v*' })]
  const ground = await opened({ stages })
  await ground.lookAll()
  const troublesAfter = async (change: () => void) => {
    change()
    await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
    const { saw, items, troubles } = await ground.look()
    return [saw, ...items, ...troubles]
  }
  assert.deepEqual(await troublesAfter(() => ground.registry.untag('team/shop', 'latest')), [
    'complete',
    'shop/list=v1@d1',
    'shop/production not-found',
  ])
  assert.deepEqual(await troublesAfter(() => ground.registry.untag('team/shop', 'v1')), [
    'complete',
    'shop/list no-match',
    'shop/production not-found',
  ])
  assert.deepEqual(await troublesAfter(() => ground.registry.drop('team/shop')), [
    'complete',
    'shop/list not-found',
    'shop/production not-found',
  ])
  assert.equal(ground.book.state('shop/list').result, 'not_found')
  await ground.close()
})

test('each error of a registry is a result of its own, and the scope is unavailable: never "no update"', async () => {
  const cases = {
    'unauthorized': 'unauthorised',
    'forbidden': 'unauthorised',
    'rate-limited': 'rate-limited',
    'server-error': 'unreachable',
    'network': 'unreachable',
    'timed-out': 'unreachable',
    'malformed': 'invalid-response',
    'too-large': 'invalid-response',
  } as const
  for (const [why, told] of Object.entries(cases)) {
    const ground = await opened({ stages: [latest, stageFor('shop/list', { pattern: 'v*' })] })
    await ground.lookAll()
    ground.hints()
    ground.registry.refuse(why as keyof typeof cases)
    await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
    assert.deepEqual(ground.hints(), [shopScope], why)
    const seen = await ground.look()
    assert.deepEqual([seen.saw, seen.why], ['unavailable', told])
    for (const one of [key, 'shop/list']) assert.equal(ground.book.state(one).result, told.replace('-', '_'))
    // The same again is nothing new, and only an answer clears it.
    await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
    assert.deepEqual(ground.hints(), [])
    ground.registry.refuse(null)
    await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
    assert.deepEqual(ground.hints(), [shopScope])
    assert.equal(ground.book.state(key).result, 'unchanged')
    assert.equal((await ground.look()).saw, 'complete')
    await ground.close()
  }
})

test('one tag that cannot be read is a trouble of its stages alone', async () => {
  const ground = await opened({ stages: [latest, stageFor('shop/list', { pattern: 'v*' })] })
  ground.registry.refuse('server-error', {}, /^head team.shop:latest/)
  const seen = await ground.lookAll()
  assert.deepEqual([seen.saw, seen.items, seen.troubles], ['complete', ['shop/list=v1@d1'], [`${key} unreachable`]])
  await ground.close()
})

test('a pinned stage is told of with its pin, also while the registry is away', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.hints()
  await ground.clock.drive(ground.book.pin(key, { tag: 'v0', digest: 'd0', by: 'tester', reason: null } as never))
  assert.deepEqual(ground.hints(), [shopScope])
  assert.deepEqual((await ground.look()).items, [`${key}=v0@d0`])
  ground.registry.refuse('network')
  await ground.clock.advance(minute)
  ground.hints()
  assert.deepEqual((await ground.look()).items, [`${key}=v0@d0`])
  await ground.clock.drive(ground.book.unpin(key, 'tester'))
  assert.deepEqual(ground.hints(), [shopScope])
  ground.registry.refuse(null)
  await ground.clock.advance(2 * minute)
  assert.deepEqual((await ground.look()).items, [`${key}=v1@d1`])
  await ground.close()
})

test('what is to be deployed once more has another revision, of the same digest', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.hints()
  await ground.clock.drive(ground.book.again(key, 'tester'))
  assert.deepEqual(ground.hints(), [shopScope])
  const [entry] = (await ground.look()).entries
  assert.equal(entry?.item.digest, 'd1')
  assert.notEqual(entry.digest, 'd1')
  assert.equal(entry.digest, entry.item.revision)
  await ground.close()
})

test('stages come and go: a new repository is told of by the root, and what is left by nobody is gone', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.hints()
  ground.registry.push('team/new', 'v1', 'd7')
  const fresh = stageFor('shop/new', { image: 'team/new', pattern: 'v*' }, 'api')
  await ground.clock.drive(ground.book.define(fresh, 'tester', 'absent'))
  assert.deepEqual(ground.hints(), [root])
  await ground.clock.advance(20_000)
  ground.asked()
  const seen = await ground.lookAll()
  assert.deepEqual(seen.items, ['shop/new=v1@d7', `${key}=v1@d1`])
  // The others are looked at for its sake: from memory.
  assert.deepEqual(ground.asked(), ['list team/new', 'head team/new:v1'])
  await ground.clock.drive(ground.book.remove('shop/new', 'tester'))
  assert.ok(ground.hints().includes(root))
  assert.deepEqual((await ground.look(root)).children, [shopScope])
  assert.deepEqual((await ground.look('main/team%2Fnew')).items, [])
  await ground.close()
})

test('a stage of the API that is written of keeps what was seen of it; one that follows something else begins anew', async () => {
  const ground = await opened({ stages: [] })
  await ground.clock.drive(ground.book.define(stageFor(key, { pattern: 'v*' }, 'api'), 'tester', 'absent'))
  await ground.lookAll()
  ground.hints()
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  assert.equal(ground.book.state(key).result, 'new')
  assert.deepEqual(ground.hints(), [shopScope])
  assert.deepEqual((await ground.look()).items, [`${key}=v2@d2`])
  ground.registry.push('team/shop', 'w7', 'd7')
  await ground.clock.drive(ground.book.define(stageFor(key, { pattern: 'w*' }, 'api'), 'tester', null))
  assert.deepEqual((await ground.look()).items, [`${key}=w7@d7`])
  assert.deepEqual([ground.book.state(key).result, ground.book.state(key).baseline?.tag], ['first', 'w7'])
  await ground.close()
})

test('a restart that finds what was there writes nothing', async () => {
  const ground = await opened()
  await ground.lookAll()
  await ground.close()
  const { seq } = await ground.journal.head()
  const again = await createGround({ stages: [releases], registries: [ground.registry] }, ground)
  again.listen()
  assert.deepEqual((await again.lookAll()).items, [`${key}=v1@d1`])
  assert.equal((await again.journal.head()).seq, seq)
  await again.close()
})

test('a registry that hangs is waited for so long, and told of when it answers', async () => {
  const away = createFakeRegistry('away')
  const near = createFakeRegistry('main')
  const stages = [releases, stageFor('shop/away', { registry: 'away', pattern: 'v*' })]
  const ground = await opened({ stages, registries: [near, away] })
  away.push('team/shop', 'v3', 'd3')
  const goOn = away.hang()
  await ground.look(root)
  assert.deepEqual((await ground.look()).items, [`${key}=v1@d1`])
  const began = ground.clock.now()
  assert.equal((await ground.look('away/team%2Fshop')).why, 'registry-slow')
  assert.ok(ground.clock.now() - began <= 10_000)
  ground.hints()
  goOn()
  await ground.clock.settle()
  assert.deepEqual(ground.hints(), ['away/team%2Fshop'])
  assert.deepEqual((await ground.look('away/team%2Fshop')).items, ['shop/away=v3@d3'])
  await ground.close()
})

test('one that was seen before and hangs now is unavailable, but for pins; what it says at last is told', async () => {
  const pinned = stageFor('shop/pinned', { pattern: 'v*', deployer: 'cluster' })
  const ground = await opened({ stages: [releases, pinned] })
  const other = ground.watch.sourceOf('cluster')
  await ground.lookAll()
  await ground.clock.drive(
    ground.book.pin('shop/pinned', { tag: 'v0', digest: 'd0', by: 'tester', reason: null } as never),
  )
  await ground.look(shopScope, other)
  await ground.clock.advance(minute)
  ground.hints()
  const goOn = ground.registry.hang()
  assert.equal((await ground.look()).why, 'registry-slow')
  assert.deepEqual((await ground.look(shopScope, other)).items, ['shop/pinned=v0@d0'])
  goOn()
  await ground.clock.settle()
  assert.deepEqual(ground.hints(), [shopScope])
  assert.deepEqual((await ground.look()).items, [`${key}=v1@d1`])
  await ground.close()
})

test('a stage that is defined otherwise and follows the same keeps what was seen of it', async () => {
  const ground = await opened({ stages: [] })
  const define = (more: object) =>
    ground.clock.drive(ground.book.define(stageFor(key, { pattern: 'v*', ...more }, 'api'), 'tester', null))
  await define({})
  await ground.lookAll()
  ground.hints()
  await ground.clock.advance(20_000)
  ground.asked()
  await define({ schedule: '1h', auto_deploy: false })
  assert.deepEqual(ground.hints(), [shopScope])
  assert.deepEqual((await ground.look()).items, [`${key}=v1@d1`])
  assert.deepEqual(ground.asked(), [])
  await define({ deployer: 'cluster' })
  assert.deepEqual((await ground.look(shopScope)).items, [])
  assert.deepEqual((await ground.look(shopScope, ground.watch.sourceOf('cluster'))).items, [`${key}=v1@d1`])
  assert.deepEqual((await ground.look(root)).children, [])
  await ground.close()
})

test('a pinned stage that is looked at after a restart is none that is seen for the first time', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  await ground.clock.drive(ground.book.pin(key, { tag: 'v1', digest: 'd1', by: 'tester', reason: null } as never))
  await ground.close()
  const again = await createGround({ stages: [releases], registries: [ground.registry] }, ground)
  assert.deepEqual((await again.lookAll()).items, [`${key}=v1@d1`])
  assert.equal(again.book.state(key).result, 'new')
  await again.close()
})

test('a registry that never answers is unreachable after two minutes', async () => {
  const ground = await opened()
  ground.registry.hang()
  assert.equal((await ground.look()).why, 'registry-slow')
  await ground.clock.advance(2 * minute)
  assert.equal(ground.book.state(key).result, 'unreachable')
  await ground.close()
})

test('several deployers share one look', async () => {
  const stages = [releases, stageFor('shop/other', { pattern: 'v*', deployer: 'cluster' })]
  const ground = await opened({ stages })
  ground.listen('cluster')
  const other = ground.watch.sourceOf('cluster')
  assert.deepEqual((await ground.lookAll()).items, [`${key}=v1@d1`])
  assert.deepEqual((await ground.look(shopScope, other)).items, ['shop/other=v1@d1'])
  assert.deepEqual(ground.asked(), ['list team/shop', 'head team/shop:v1'])
  await ground.close()
})

test('what the ledger does not take is told to nobody, and tried again', async () => {
  const ground = await opened()
  await ground.lookAll()
  ground.hints()
  ground.registry.push('team/shop', 'v2', 'd2')
  const { observed } = ground.book
  ground.book.observed = () => Promise.reject(new Error('no space left'))
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  assert.deepEqual(ground.hints(), [])
  ground.book.observed = observed
  await ground.clock.advance(minute)
  assert.deepEqual(ground.hints(), [shopScope])
  assert.equal(ground.book.state(key).result, 'new')
  await ground.close()
})
