/** What becomes of deliveries, sender by sender. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageHookEvents } from '../tables.ts'
import * as from from './testing/deliveries.ts'
import { hooksGround } from './testing/hooks-ground.ts'
import { mostBytes } from './route.ts'

const id = 'a0b1c2d3e4f5a0b1c2d3e4f5'
const secrets = [from.oldSecret, from.secret]
const header = { values: ['Bearer what it was told before', from.token] }
const all = {
  gitea: { type: 'gitea', registry: 'forge', secrets },
  forgejo: { type: 'forgejo', registry: 'forge', secrets },
  github: { type: 'github', registry: 'ghcr', secrets },
  dockerhub: { type: 'dockerhub', registry: 'hub', id },
  distribution: { type: 'distribution', registry: 'mirror', header },
  harbor: { type: 'harbor', registry: 'mirror', header },
  quay: { type: 'quay', registry: 'mirror', id: `${id}quay` },
  events: { type: 'cloudevents', registry: 'mirror', header },
  signed: { type: 'auto', registry: 'forge', secrets },
  agreed: { type: 'auto', registry: 'forge', header },
}

const good: readonly (readonly [string, from.Sent, string])[] = [
  ['gitea', from.fromGitea(), 'forge/team/shop:v1.2.3'],
  ['forgejo', from.fromGitea({ as: 'forgejo' }), 'forge/team/shop:v1.2.3'],
  ['gitea', from.fromGitea({ form: true }), 'forge/team/shop:v1.2.3'],
  ['gitea', from.fromGitea({ key: from.oldSecret }), 'forge/team/shop:v1.2.3'],
  ['github', from.fromGithub(), 'ghcr/team/shop:*'],
  ['github', from.fromGithub({ form: true, key: from.oldSecret }), 'ghcr/team/shop:*'],
  [id, from.fromDockerHub(), 'hub/team/shop:v1.2.3'],
  ['distribution', from.fromDistribution([{ id: 'e1', tag: 'v1.2.3' }]), 'mirror/team/shop:v1.2.3'],
  ['harbor', from.fromHarbor(), 'mirror/team/shop:v1.2.3'],
  ['harbor', from.fromHarbor({ header: header.values[0]! }), 'mirror/team/shop:v1.2.3'],
  ['harbor', from.fromHarbor({ format: 'cloudevents' }), 'mirror/team/shop:v1.2.3'],
  [`${id}quay`, from.fromQuay(), 'mirror/team/shop:v1.2.3'],
  ['events', from.fromCloudEvents(), 'mirror/team/shop:v1.2.3'],
  ['signed', from.fromGitea(), 'forge/team/shop:v1.2.3'],
  ['signed', from.fromGithub(), 'forge/team/shop:*'],
  ['agreed', from.fromDistribution([{ id: 'e1', tag: 'v1' }]), 'forge/team/shop:v1'],
  ['agreed', from.fromHarbor(), 'forge/team/shop:v1.2.3'],
]

test('what is true is durable, then a hint, and once only', async () => {
  for (const [address, sent, hint] of good) {
    const ground = hooksGround({ hooks: all })
    assert.deepEqual(await ground.post(address, sent), {
      status: 202,
      body: { accepted: 1, repeated: 0, unmatched: 0, ignored: 0 },
      error: null,
    })
    assert.deepEqual(ground.hints, [hint], address)
    const again = await ground.post(address, sent)
    assert.deepEqual(again.body, { accepted: 0, repeated: 1, unmatched: 0, ignored: 0 })
    assert.deepEqual(ground.hints, [hint], address)
    const rows = await ground.journal.select(imageHookEvents)
    assert.deepEqual(
      rows.map(({ matched, image }) => [matched, image]),
      [[1, 'team/shop']],
    )
    assert.equal((await ground.journal.events({ type: 'webhook.taken' })).length, 1)
  }
})

test('what is signed wrongly, emptily or not at all is refused, whatever it says', async () => {
  const ground = hooksGround({ hooks: all })
  const without = ({ headers, body }: from.Sent, pattern: RegExp): from.Sent => ({
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !pattern.test(name))),
    body,
  })
  const bad: readonly (readonly [string, from.Sent])[] = [
    ['gitea', from.fromGitea({ key: 'some other secret' })],
    ['gitea', from.fromGitea({ key: null })],
    ['gitea', from.fromGitea({ key: null, form: true })],
    ['gitea', from.fromGitea({ key: '' })],
    ['gitea', without(from.fromGitea(), /signature/)],
    ['gitea', { ...from.fromGitea(), body: Buffer.concat([from.fromGitea().body, Buffer.from(' ')]) }],
    ['github', from.fromGithub({ key: '' })],
    ['github', { ...from.fromGithub(), headers: { ...from.fromGithub().headers, 'x-hub-signature-256': 'sha256=' } }],
    ['github', without(from.fromGithub(), /signature/)],
    ['distribution', from.fromDistribution([{ id: 'e1', tag: 'v1' }], 'Bearer wrong')],
    ['distribution', from.fromDistribution([{ id: 'e1', tag: 'v1' }], '')],
    ['harbor', without(from.fromHarbor(), /authorization/)],
    ['events', from.fromCloudEvents({}, 'Bearer wrong')],
    ['signed', from.fromHarbor()],
    ['signed', from.fromDockerHub()],
    ['agreed', from.fromGitea()],
  ]
  for (const [address, sent] of bad) {
    const { status, error } = await ground.post(address, sent)
    assert.equal(status, 401, `${address} ${JSON.stringify(sent.headers)}`)
    assert.equal(error?.detail, 'It does not prove where it comes from.')
  }
  assert.deepEqual([ground.hints, await ground.journal.select(imageHookEvents)], [[], []])
  assert.deepEqual([...new Set(ground.counted.map((one) => one.split(' ')[1]))], ['refused'])
})

test('nobody learns which addresses there are', async () => {
  const ground = hooksGround({ hooks: all })
  const answers = []
  for (const address of ['nobody', 'dockerhub', 'quay', `${id.slice(0, -1)}6`, `${id}0`, '']) {
    answers.push(await ground.post(address, from.fromDockerHub()))
  }
  assert.deepEqual(
    [...new Set(answers.map(({ status, error }) => `${status} ${error?.detail}`))],
    ['404 There is no such webhook.'],
  )
  assert.deepEqual(ground.counted, [])
})

test('an image for several platforms is one hint for each repository', async () => {
  const ground = hooksGround({ hooks: all })
  const parts = ['a', 'b', 'c'].map((digit) => from.fromGitea({ version: `sha256:${digit.repeat(64)}`, id: digit }))
  for (const sent of [...parts, from.fromGitea({ id: 'd' })]) await ground.post('gitea', sent)
  assert.deepEqual(ground.hints, ['forge/team/shop:v1.2.3'])
  const events = [{ id: '1' }, { id: '2' }, { id: '3', tag: 'v2' }, { id: '4', tag: 'v3' }]
  const { body } = await ground.post('distribution', from.fromDistribution(events))
  assert.deepEqual(body, { accepted: 2, repeated: 0, unmatched: 0, ignored: 2 })
  assert.deepEqual(ground.hints.slice(1), ['mirror/team/shop:*'])
  // Events come again in another envelope, with new ones beside them.
  await ground.post('distribution', from.fromDistribution([events[3]!, { id: '5', tag: 'v4' }, { id: '5', tag: 'v4' }]))
  assert.deepEqual(ground.hints.slice(2), ['mirror/team/shop:v4'])
  for (let n = 0; n < 6; n += 1) await ground.post(id, from.fromDockerHub())
  assert.deepEqual(ground.hints.slice(3), ['hub/team/shop:v1.2.3'])
})

test('a sender without ids may say the same again after a while', async () => {
  const ground = hooksGround({ hooks: all })
  await ground.post(id, from.fromDockerHub())
  await ground.clock.advance(61_000)
  await ground.post(id, from.fromDockerHub())
  assert.equal(ground.hints.length, 2)
})

test('one push may be of many stages, and of none', async () => {
  const stages = [
    { stage: 'a' },
    { stage: 'b', tags: ['*'] },
    { stage: 'c', image: 'Team/Shop' },
    { stage: 'd', image: 'x' },
  ]
  const ground = hooksGround({ hooks: all, stages })
  await ground.post('gitea', from.fromGitea())
  assert.deepEqual(ground.hints, ['forge/team/shop:v1.2.3', 'forge/Team/Shop:v1.2.3'])
  const { body } = await ground.post('gitea', from.fromGitea({ name: 'other', id: '2' }))
  assert.deepEqual(body, { accepted: 0, repeated: 0, unmatched: 1, ignored: 0 })
  const [newest] = ground.hooks.recent()
  assert.deepEqual([newest?.image, newest?.tag, newest?.matched], ['team/other', 'v1.2.3', 0])
  assert.equal(ground.hints.length, 2)
})

test('deletions and pulls are taken, and are nothing to us', async () => {
  const ground = hooksGround({ hooks: all })
  const sent: readonly (readonly [string, from.Sent])[] = [
    ['gitea', from.fromGitea({ action: 'deleted' })],
    ['gitea', from.fromGitea({ event: 'push', type: 'none' })],
    ['github', from.fromGithub({ event: 'ping' })],
    ['distribution', from.fromDistribution([{ id: '1', action: 'pull', tag: 'v1' }])],
    ['harbor', from.fromHarbor({ type: 'DELETE_ARTIFACT' })],
    ['gitea', from.fromGitea({ version: 'not a tag' })],
    ['gitea', from.fromGitea({ name: '../../etc\0' })],
  ]
  for (const [address, one] of sent) {
    const { status, body } = await ground.post(address, one)
    assert.deepEqual([status, body], [202, { accepted: 0, repeated: 0, unmatched: 0, ignored: 1 }], one.body.toString())
  }
  assert.deepEqual([ground.hints, (await ground.journal.head()).seq], [[], 0])
})

test('what is true and makes no sense is said to be so, to the sender and to people', async () => {
  const ground = hooksGround({ hooks: all })
  const signed = (text: string, more: object = {}): from.Sent => {
    const body = Buffer.from(text)
    return { headers: { 'x-gitea-event': 'package', 'x-gitea-signature': from.macOf(body), ...more }, body }
  }
  for (const text of ['', 'x', '[]', 'null', '"x"', '{"a":']) {
    assert.equal((await ground.post('gitea', signed(text))).status, 400, text)
  }
  assert.equal((await ground.post('gitea', signed('x'.repeat(mostBytes + 1)))).status, 413)
  const nobodys = { headers: { authorization: from.token }, body: Buffer.from('{"a":1}') }
  assert.equal((await ground.post('agreed', nobodys)).status, 400)
  const [shown] = ground.hooks.describe().filter(({ name }) => name === 'gitea')
  assert.deepEqual(shown?.counts.invalid, 7)
  assert.equal(shown?.lastError?.detail, 'what came is too large')
  assert.equal(shown?.lastAt, null)
})

test('a hook that anybody may use who knows its address has an allowance', async () => {
  const ground = hooksGround({ hooks: all })
  const statuses = new Map<number, number>()
  for (let n = 0; n < 120; n += 1) {
    const { status, error } = await ground.post(id, from.fromDockerHub('team/shop', `v${n}`))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === 429) assert.equal(error?.data['retryAfter'], 1)
  }
  assert.deepEqual(
    [...statuses],
    [
      [202, 100],
      [429, 20],
    ],
  )
  await ground.clock.advance(1_000)
  assert.equal((await ground.post(id, from.fromDockerHub('team/shop', 'v1000'))).status, 202)
  for (let n = 0; n < 120; n += 1) {
    assert.equal((await ground.post('gitea', from.fromGitea({ id: `n${n}` }))).status, 202)
  }
})

test('people see what came of each hook, and no secret of it', async () => {
  const ground = hooksGround({ hooks: all })
  await ground.post('gitea', from.fromGitea())
  await ground.post(id, from.fromDockerHub())
  await ground.post('gitea', from.fromGitea({ key: 'some other secret' }))
  const shown = ground.hooks.describe()
  assert.deepEqual(
    shown.slice(0, 4).map(({ name, type, registry, proof, path }) => ({ name, type, registry, proof, path })),
    [
      { name: 'gitea', type: 'gitea', registry: 'forge', proof: 'hmac', path: '/webhooks/gitea' },
      { name: 'forgejo', type: 'forgejo', registry: 'forge', proof: 'hmac', path: '/webhooks/forgejo' },
      { name: 'github', type: 'github', registry: 'ghcr', proof: 'hmac', path: '/webhooks/github' },
      { name: 'dockerhub', type: 'dockerhub', registry: 'hub', proof: 'id', path: null },
    ],
  )
  assert.deepEqual([shown[0]?.counts.accepted, shown[0]?.counts.refused, shown[0]?.last?.tag], [1, 1, 'v1.2.3'])
  const text = JSON.stringify([shown, ground.hooks.recent()])
  for (const hidden of [id, ...secrets, ...header.values]) assert.ok(!text.includes(hidden), hidden)
})

test('a large delivery is taken by repository', async () => {
  const ground = hooksGround({ hooks: all })
  const tags = Array.from({ length: 5_000 }, (_, n) => `v${n}`)
  const { body } = await ground.post(`${id}quay`, from.fromQuay(tags))
  assert.deepEqual(body, { accepted: 1, repeated: 0, unmatched: 0, ignored: 0 })
  assert.deepEqual(ground.hints, ['mirror/team/shop:*'])
  const events = Array.from({ length: 1_001 }, (_, n) => ({ id: `e${n}`, repository: `r${n}`, tag: 'v1' }))
  assert.equal((await ground.post('distribution', from.fromDistribution(events))).status, 413)
})
