import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addToken, bearer } from '../../../server/testing/tokens.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { imagesJournal, serveImages } from './testing/served.ts'

interface Page {
  readonly items: { readonly project: string; readonly stage: string; readonly stages?: unknown }[]
}
type Problem = { readonly code: string }

const one = '/stages/shop/production'
const keysOf = ({ items }: Page) => items.map(({ project, stage }) => `${project}/${stage}`)

test('tags of an image; what nobody follows is for operators to ask about', async () => {
  const journal = imagesJournal()
  const viewer = bearer(await addToken(journal, { role: 'viewer' }))
  const operator = bearer(await addToken(journal, { role: 'operator' }))
  const settings = { journal, settings: { auth: 'tokens' } } as const
  await using at = await serveImages({ tags: { v1: 'a', v2: 'b' }, settings })
  const tags = (image: string, headers: Record<string, string>) =>
    at.ask('GET', `/tags?registry=main&image=${encodeURIComponent(image)}`, undefined, headers)
  const { body } = await tags('team/shop', viewer)
  assert.deepEqual(
    (body as { items: { tag: string }[] }).items.map(({ tag }) => tag),
    ['v1', 'v2'],
  )
  assert.equal((await tags('team/else', viewer)).status, 403)
  assert.equal((await tags('team/else', operator)).status, 200)
  assert.equal((await tags('team/none', operator)).status, 404)
  const down = await tags('team/down', operator)
  assert.deepEqual([down.status, (down.body as Problem).code], [502, 'source.unavailable'])
  const test = { registry: 'main', image: 'team/else', pattern: 'v*' }
  assert.equal((await at.ask('POST', '/test-pattern', test, viewer)).status, 403)
})

test('callers that are limited to some deployers see and change no stage of others', async () => {
  const stages = [stageFor(), stageFor('shop/test', { deployer: 'one' })]
  const journal = imagesJournal()
  const limited = bearer(await addToken(journal, { role: 'admin', scopes: { syncs: ['one'] } }))
  await using at = await serveImages({ stages, settings: { journal, settings: { auth: 'tokens' } } })
  const ask = async (method: string, path: string, body?: unknown) => at.ask(method, path, body, limited)
  assert.deepEqual(keysOf((await ask('GET', '/stages')).body as Page), ['shop/test'])
  assert.equal((await ask('GET', '/stages?deployer=docker')).status, 403)
  assert.equal((await ask('GET', one)).status, 404)
  assert.equal((await ask('POST', `${one}/pause`, {})).status, 404)
  assert.equal((await ask('POST', '/stages/shop/test/pause', {})).status, 200)
  const definition = { registry: 'main', image: 'team/x', deployer: 'docker' }
  assert.equal((await ask('PUT', '/stages/x/y', definition)).status, 403)
  assert.equal((await ask('PUT', '/stages/x/y', { ...definition, deployer: 'one' })).status, 201)
  assert.equal((await ask('DELETE', '/stages/x/y')).status, 204)
  const deployers = (await ask('GET', '/deployers')).body as { items: { name: string }[] }
  assert.deepEqual(
    deployers.items.map(({ name }) => name),
    ['one'],
  )
  const places = (await ask('GET', '/places')).body as Page
  assert.deepEqual(
    places.items.map(({ stages: of }) => of),
    [['shop/test']],
  )
  for (const path of ['/registries', '/hooks', '/settings']) assert.equal((await ask('GET', path)).status, 403)
})

test('a pattern is tested against a list or an image: which tags match, and why the others do not', async () => {
  await using at = await serveImages({ tags: { 'v1.9.0': 'a', 'v1.10.0': 'b', 'v2.0.0': 'c', 'other': 'd' } })
  type Tested = { result: string; tag: string | null; why: string; tags: { tag: string; why: string }[] }
  const test = async (body: object) => (await at.ask('POST', '/test-pattern', body)).body as Tested
  const chosen = await test({ registry: 'main', image: 'team/shop', pattern: ['v*', '!v2*'] })
  assert.deepEqual([chosen.result, chosen.tag], ['chosen', 'v1.10.0'])
  assert.deepEqual(
    chosen.tags.map(({ tag }) => tag),
    ['v1.10.0', 'v1.9.0', 'v2.0.0', 'other'],
  )
  assert.equal(chosen.tags[1]!.why, 'v1.10.0 is newer')
  const none = await test({ tags: ['a', 'b'], pattern: 'v*' })
  assert.deepEqual([none.result, none.tag, none.tags.length], ['no-match', null, 2])
  const hashes = await test({ tags: ['3f2a9c1', 'b04d7e2'] })
  assert.equal(hashes.result, 'ambiguous')
  const byTime = await test({ registry: 'main', image: 'team/shop', strategy: 'created', pattern: 'v*' })
  assert.deepEqual([byTime.tag, byTime.tags[0]!.why], ['v1.9.0', 'the last one by its time'])
  for (const wrong of [
    { pattern: 'v[', tags: [] },
    { strategy: 'semver', range: 'newest', tags: [] },
    { pattern: 'v*' },
  ]) {
    const { status, body } = await at.ask('POST', '/test-pattern', wrong)
    assert.deepEqual([status, (body as Problem).code], [400, 'request.invalid'], JSON.stringify(wrong))
  }
})
