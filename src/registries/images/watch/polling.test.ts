import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageRepositories } from '../tables.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { createFakeRegistry } from './testing/fake-registry.ts'
import { createGround, minute, shop, shopScope, type Ground, type Setting } from './testing/ground.ts'

const key = 'shop/production'
const latest = stageFor(key, { pattern: 'latest' })
const releases = stageFor(key, { pattern: 'v*' })
const interval = 5 * minute

async function opened(setting: Partial<Setting> = {}, before: Parameters<typeof createGround>[1] = {}) {
  const ground = await createGround({ stages: [releases], ...setting }, before)
  ground.registry.push('team/shop', 'latest', 'd1')
  ground.registry.push('team/shop', 'v1', 'd1')
  ground.listen()
  await ground.lookAll()
  await ground.clock.settle()
  ground.asked()
  ground.hints()
  return ground
}

/** How often something was asked in so long. */
async function asksIn(ground: Ground, length: number): Promise<number> {
  ground.asked()
  await ground.clock.advance(length)
  return ground.asked().length
}

test('nothing changed: one list for each repository and interval, one HEAD for each tag that is followed', async () => {
  const images = Array.from({ length: 20 }, (_, at) => `team/app-${at}`)
  const stages = images.flatMap((image, at) =>
    ['a', 'b', 'c'].map((name) => stageFor(`list-${at}/${name}`, { image, pattern: 'v*' })),
  )
  const tags = ['latest', 'stable', 'edge']
  const heads = tags.map((tag) => stageFor(`heads/${tag}`, { image: 'team/shop', pattern: tag }))
  const ground = await createGround({ stages: [...stages, ...heads] })
  for (const image of images) ground.registry.push(image, 'v1', 'd1')
  for (const tag of tags) ground.registry.push('team/shop', tag, 'd1')
  ground.listen()
  await ground.lookAll()
  // Beyond the first times, which are spread over the interval; short of the hour in which tags are asked for anew.
  await ground.clock.advance(2 * interval)
  const { seq } = await ground.journal.head()
  ground.hints()
  ground.asked()
  await ground.clock.advance(5 * interval)
  const asked = ground.asked()
  const count = (...what: string[]) => asked.filter((one) => what.includes(one)).length
  for (const image of images)
    assert.ok(Math.abs(count(`list ${image}`) - 5) <= 1, `${image}: ${count(`list ${image}`)}`)
  for (const tag of tags) assert.ok(Math.abs(count(`head team/shop:${tag} 304`) - 5) <= 1)
  const wanted = [...images.map((image) => `list ${image}`), ...tags.map((tag) => `head team/shop:${tag} 304`)]
  assert.equal(asked.length, count(...wanted))
  assert.deepEqual([ground.hints(), (await ground.journal.head()).seq], [[], seq])
  await ground.close()
})

test('a poll finds what was pushed within one interval, and tells the engine once', async () => {
  const ground = await opened()
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.advance(interval * 1.1)
  assert.deepEqual(ground.hints(), [shopScope])
  assert.deepEqual((await ground.look()).items, [`${key}=v2@d2`])
  await ground.clock.advance(3 * interval)
  assert.deepEqual(ground.hints(), [])
  // Where nobody has set up a webhook none was lost.
  assert.deepEqual(ground.logged, [])
  await ground.close()
})

test('as long as the list is the same nothing is chosen from it again', async () => {
  const ground = await opened()
  const { listTags } = ground.registry
  let reads = 0
  ground.registry.listTags = async (...asked) => {
    const list = await listTags(...asked)
    return list && Object.defineProperty({ ...list }, 'tags', { get: () => ((reads += 1), list.tags) })
  }
  const looks = await asksIn(ground, 5 * interval)
  // Its length is.
  assert.ok(looks >= 4 && reads <= looks, `${reads} reads in ${looks} looks`)
  await ground.close()
})

test('only what is listened to is polled, and only by the replica that runs it', async () => {
  let mine = true
  const ground = await createGround({ stages: [latest], runs: () => mine, settings: { coalesce: 0 } })
  ground.registry.push('team/shop', 'latest', 'd1')
  await ground.lookAll()
  assert.equal(await asksIn(ground, 3 * interval), 0)
  const stop = ground.listen()
  assert.ok((await asksIn(ground, 3 * interval)) >= 2)
  mine = false
  assert.equal(await asksIn(ground, 3 * interval), 0)
  assert.deepEqual(ground.watch.hint(shop, 'webhook', 'latest'), [key])
  assert.equal(ground.watch.runs(shop), false)
  assert.equal(await asksIn(ground, minute), 0)
  mine = true
  ground.hints()
  assert.ok((await asksIn(ground, 3 * interval)) >= 2)
  // What another replica told the engine meanwhile is not known here.
  assert.deepEqual(ground.hints(), [shopScope])
  await ground.clock.drive(stop())
  assert.equal(await asksIn(ground, 3 * interval), 0)
  assert.equal(ground.clock.sleeping <= 1, true)
  await ground.close()
})

test('what another replica was asked to look at is looked at by the one that runs it', async () => {
  const ground = await opened({ settings: { coalesce: 0 } })
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.advance(1_000)
  ground.hints()
  // As the other one writes it down.
  await ground.book.observed(key, { result: 'new', detail: null, version: { tag: 'v2', digest: 'd2', at: null } })
  await ground.clock.settle()
  assert.deepEqual(ground.asked(), ['list team/shop', 'head team/shop:v2'])
  assert.deepEqual(ground.hints(), [shopScope])
  await ground.clock.advance(minute)
  assert.deepEqual(ground.asked(), [])
  await ground.close()
})

test('looks at one repository never overlap; what is pushed while one goes on is seen by the next', async () => {
  const ground = await opened({ settings: { coalesce: 0 } })
  const goOn = ground.registry.hang()
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.settle()
  ground.registry.push('team/shop', 'v2', 'd2')
  for (let at = 0; at < 5; at += 1) ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(minute)
  assert.equal(ground.registry.waiting, 1)
  goOn()
  await ground.clock.settle()
  assert.deepEqual(ground.asked(), ['list team/shop', 'head team/shop:v2', 'list team/shop', 'head team/shop:v2 304'])
  assert.equal(ground.registry.most, 1)
  await ground.close()
})

test('who asks for a look while one goes on gets one that begins after that', async () => {
  const ground = await opened()
  const goOn = ground.registry.hang()
  const looks = [0, 1].map(() => ground.watch.look(shop, AbortSignal.timeout(10_000)))
  await ground.clock.settle()
  // The first has begun; these come too late for what it asks.
  looks.push(...[0, 1].map(() => ground.watch.look(shop, AbortSignal.timeout(10_000))))
  const over: number[] = []
  looks.forEach((look, at) => void look.then(() => over.push(at)))
  goOn()
  const goOnAgain = ground.registry.hang(/^list/)
  await ground.clock.settle()
  assert.deepEqual(over.splice(0), [0, 1])
  goOnAgain()
  await ground.clock.settle()
  assert.deepEqual(over, [2, 3])
  assert.equal(ground.asked().filter((what) => what.startsWith('list')).length, 2)
  await ground.close()
})

test('after a sleep, however long, what was missed is looked at once', async () => {
  const ground = await opened()
  const clock = ground.clock
  const { now } = clock
  let slept = 0
  clock.now = () => now() + slept
  slept = 50 * interval
  ground.asked()
  await clock.advance(minute)
  assert.equal(ground.asked().filter((what) => what.startsWith('list')).length, 1)
  await ground.close()
})

test('a clock that is set back stops no poll', async () => {
  const ground = await opened()
  const { now } = ground.clock
  ground.clock.now = () => now() - 24 * 60 * minute
  assert.ok((await asksIn(ground, 2 * interval)) >= 1)
  await ground.close()
})

test('webhooks that come together are answered by one look, at what they name', async () => {
  const stages = [latest, stageFor('shop/list', { pattern: 'v*' })]
  const ground = await opened({ stages })
  for (const tag of ['latest', 'latest', 'latest']) ground.watch.hint(shop, 'webhook', tag)
  assert.equal(await asksIn(ground, 900), 0)
  await ground.clock.advance(200)
  assert.deepEqual(ground.asked(), ['head team/shop:latest 304'])
  assert.deepEqual(ground.watch.hint(shop, 'webhook', 'v1'), ['shop/list'])
  await ground.clock.advance(1_100)
  assert.deepEqual(ground.asked().toSorted(), ['head team/shop:v1 304', 'list team/shop'])
  assert.deepEqual(ground.watch.hint(shop, 'webhook', 'nothing-of-ours'), [])
  assert.deepEqual(ground.watch.hint({ ...shop, image: 'team/unknown' }, 'webhook', 'v1'), [])
  assert.equal(await asksIn(ground, 1_100), 0)
  assert.deepEqual(ground.watch.hint(shop, 'webhook', null), [key, 'shop/list'])
  await ground.close()
})

test('a hint is followed by looks until one succeeds, and none before the registry allows', async () => {
  const ground = await opened({ stages: [stageFor(key, { pattern: 'v*', polling: false })] })
  ground.registry.push('team/shop', 'v2', 'd2')
  ground.registry.refuse('network')
  ground.watch.hint(shop, 'webhook', 'v2')
  assert.ok((await asksIn(ground, 10 * minute)) >= 3)
  ground.registry.refuse('rate-limited', { retryAfter: 20 * minute })
  await ground.clock.advance(10 * minute)
  ground.asked()
  ground.registry.refuse(null)
  ground.watch.hint(shop, 'webhook', 'v2')
  assert.equal(await asksIn(ground, 5 * minute), 0)
  await ground.clock.advance(16 * minute)
  assert.equal(ground.book.state(key).result, 'new')
  assert.equal(ground.watch.places()[0]?.failures, 0)
  assert.equal(await asksIn(ground, 10 * interval), 0)
  await ground.close()
})

test('polling: false is looked at at start and on hints alone, also beside one that is polled', async () => {
  const quiet = stageFor('shop/quiet', { pattern: 'v*', polling: false })
  const alone = await opened({ stages: [quiet] })
  assert.equal(await asksIn(alone, 10 * interval), 0)
  assert.equal(alone.watch.places()[0]?.nextAt, null)
  await alone.close()
  const ground = await opened({ stages: [quiet, releases] })
  ground.registry.push('team/shop', 'v2', 'd2')
  await ground.clock.advance(2 * interval)
  assert.deepEqual((await ground.look()).items.toSorted(), [`${key}=v2@d2`, 'shop/quiet=v1@d1'])
  ground.watch.hint(shop, 'asked', null)
  await ground.clock.advance(2_000)
  assert.deepEqual((await ground.look()).items.toSorted(), [`${key}=v2@d2`, 'shop/quiet=v2@d2'])
  await ground.close()
})

test('a repository is polled as often as the most impatient of its stages says, and each stage when it is due', async () => {
  const stages = [latest, stageFor('shop/often', { pattern: 'v*', schedule: '1m' })]
  const ground = await opened({ stages })
  await ground.clock.advance(2 * interval)
  ground.asked()
  await ground.clock.advance(4 * interval)
  const asked = ground.asked()
  const lists = asked.filter((what) => what.startsWith('list')).length
  const heads = asked.filter((what) => what.startsWith('head team/shop:latest')).length
  assert.ok(lists >= 17 && lists <= 20, `${lists} lists`)
  assert.ok(heads >= 3 && heads <= 5, `${heads} heads`)
  await ground.close()
})

test('where webhooks are seen to work it is polled less, until one is missed, or for a day', async () => {
  const ground = await opened()
  const polls = async () => (await asksIn(ground, 60 * minute)) / 12
  assert.ok((await polls()) > 0.8)
  ground.registry.push('team/shop', 'v2', 'd2')
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(2_000)
  assert.equal(ground.watch.places()[0]?.slowedDown, true)
  assert.ok((await polls()) < 0.3)
  ground.registry.push('team/shop', 'v3', 'd3')
  await ground.clock.advance(60 * minute)
  assert.equal(ground.watch.places()[0]?.slowedDown, false)
  assert.deepEqual(ground.logged, ['found what no webhook told of; polled as often as before'])
  const [row] = await ground.journal.select(imageRepositories)
  assert.ok(row!.missedAt! > row!.hookedAt!)
  assert.ok((await polls()) > 0.8)
  ground.registry.push('team/shop', 'v4', 'd4')
  ground.watch.hint(shop, 'webhook', 'v4')
  await ground.clock.advance(20 * 60 * minute)
  assert.ok((await polls()) < 0.3)
  await ground.clock.advance(5 * 60 * minute)
  assert.ok((await polls()) > 0.8)
  await ground.close()
})

test('however long the interval is, it is polled each hour', async () => {
  const ground = await opened({ settings: { pollInterval: () => 30 * minute } })
  ground.registry.push('team/shop', 'v2', 'd2')
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(2_000)
  const lists = async (length: number) => {
    ground.asked()
    await ground.clock.advance(length)
    return ground.asked().filter((what) => what.startsWith('list')).length
  }
  const count = await lists(10 * 60 * minute)
  assert.ok(count >= 9 && count <= 10, `${count} lists`)
  await ground.close()
})

test('a webhook that a poll overtook is none that was missed', async () => {
  const ground = await opened()
  const find = async (tag: string, hook: boolean) => {
    ground.registry.push('team/shop', tag, `d-${tag}`)
    if (hook) ground.watch.hint(shop, 'webhook', tag)
    await ground.clock.advance(55 * minute + 5 * minute)
  }
  await find('v2', true)
  ground.registry.push('team/shop', 'v3', 'd3')
  while (ground.book.state(key).lastPolledTag !== 'v3') await ground.clock.advance(1_000)
  assert.equal(ground.watch.places()[0]?.slowedDown, false)
  ground.watch.hint(shop, 'webhook', 'v3')
  assert.equal(ground.watch.places()[0]?.slowedDown, true)
  await ground.close()
})

test('what was learnt of webhooks is known after a restart', async () => {
  const ground = await opened()
  ground.registry.push('team/shop', 'v2', 'd2')
  ground.watch.hint(shop, 'webhook', 'v2')
  await ground.clock.advance(2_000)
  await ground.close()
  const again = await createGround({ stages: [releases], registries: [ground.registry] }, ground)
  again.listen()
  await again.lookAll()
  assert.equal(again.watch.places()[0]?.slowedDown, true)
  await again.close()
})

test('another interval holds at once', async () => {
  let every = 60 * minute
  const ground = await opened({ settings: { pollInterval: () => every } })
  every = minute
  ground.watch.reschedule()
  assert.ok((await asksIn(ground, 10 * minute)) >= 8)
  await ground.close()
})

test('repositories are spread over the interval, the same after a restart', async () => {
  const stages = Array.from({ length: 60 }, (_, at) => stageFor(`shop/s${at}`, { image: `team/app-${at}` }))
  const timesOf = async () => {
    const ground = await createGround({ stages })
    ground.listen()
    await ground.clock.settle()
    const times = ground.watch.places().map(({ nextAt }) => nextAt! - ground.clock.now())
    await ground.close()
    return times
  }
  const times = await timesOf()
  assert.deepEqual(await timesOf(), times)
  const thirds = [0, 1, 2].map(
    (third) => times.filter((at) => Math.floor((3 * at) / (interval * 1.05)) === third).length,
  )
  for (const count of thirds) assert.ok(count >= 8, thirds.join(' '))
})

test('what was done is counted: checks by result, looks by time, requests of the last one', async () => {
  const checked: string[] = []
  const measures = { checked: (of: string, result: string) => void checked.push(`${of} ${result}`), looked: () => {} }
  const ground = await opened({ measures })
  assert.deepEqual(checked.splice(0), ['main first'])
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  ground.registry.refuse('network')
  await ground.clock.drive(ground.watch.look(shop, AbortSignal.timeout(10_000)))
  assert.deepEqual(checked, ['main unchanged', 'main unreachable'])
  const [status] = ground.watch.places()
  assert.deepEqual([status?.requests, status?.failures, status?.stages], [1, 1, [key]])
  await ground.close()
})

test('one that the config no longer has is shown, and asks nobody', async () => {
  const ground = await createGround({
    stages: [stageFor(key, { registry: 'gone' })],
    registries: [createFakeRegistry()],
  })
  assert.deepEqual((await ground.lookAll()).troubles, [`${key} not-found`])
  await ground.close()
})
