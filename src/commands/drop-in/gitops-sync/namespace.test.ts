import assert from 'node:assert/strict'
import { test } from 'node:test'
import { root } from '../../../engine/scope.ts'
import type { Ask, Entry, Look, Same, Source } from '../../../engine/source.ts'
import type { Held, Target } from '../../../engine/target.ts'
import type { Capability } from '../../../registries/capabilities/drop-in.ts'
import { insideOf, narrowSource, narrowTarget } from './namespace.ts'

type Looked = Look<Entry<Capability> | Same>

const inside = insideOf('chora.react')
const signal = new AbortController().signal

test('an identifier and what is below it, by whole segments', () => {
  assert.deepEqual(['chora.react', 'chora.react.forms', 'chora.reactive', 'chora'].map(inside), [
    true,
    true,
    false,
    false,
  ])
})

async function looked(look: Looked, known: Record<string, string> = {}) {
  const listed: string[][] = []
  const source: Source<Capability> = {
    scopes: [{ scope: root }],
    absence: 'vouched',
    look: () => Promise.resolve(look),
  }
  const ask: Ask = {
    scope: root,
    known: () => Promise.resolve(new Map(Object.entries(known).map(([key, origin]) => [key, { stamp: null, origin }]))),
  }
  const narrow = narrowSource(source, inside, (names) => void listed.push([...names]))
  return { look: await narrow.look(ask, signal), listed: listed.flat() }
}

const same = (key: string): Same => ({ key, stamp: 's' })

test('a look shows the namespace alone, and so do its troubles', async () => {
  const why = 'manifest-invalid' as const
  const troubles = [
    { origin: 'chora.mail.yaml', why, detail: 'bad mail' },
    { key: 'chora.mail', why, detail: 'bad mail' },
    { origin: 'renamed.yaml', why, detail: 'bad react' },
    { key: 'chora.react.x', why, detail: 'bad react' },
    { origin: 'known.yaml', why, detail: 'bad known' },
  ]
  const items = [same('chora.react.forms'), same('chora.mail.smtp')]
  const of = await looked({ saw: 'complete', items, troubles, mark: 'm' }, { 'chora.react.y': 'known.yaml' })
  assert.deepEqual(of.look, {
    saw: 'complete',
    items: [same('chora.react.forms')],
    troubles: troubles.slice(2),
    mark: 'm',
  })
  assert.equal(of.listed.length, 3)
})

test('an unchanged look counts what is known, one that failed says so', async () => {
  const unchanged = await looked({ saw: 'unchanged' }, { 'chora.react.y': 'y.yaml' })
  assert.deepEqual([unchanged.look, unchanged.listed], [{ saw: 'unchanged' }, ['y.yaml']])
  const failed = await looked({ saw: 'unavailable', why: 'source-unavailable' })
  assert.deepEqual([failed.look.saw, failed.listed], ['unavailable', []])
})

test('the target shows the namespace alone, so that nothing else is ever judged absent', async () => {
  const held = (key: string): Held => ({ key, digest: 'd', owned: true })
  const of = async (look: Look<Held>) => {
    const target: Target<Capability> = {
      name: 't',
      fingerprint: 'f',
      traits: { repeat: 'safe', page: 1 },
      identity: () => Promise.resolve('i'),
      look: () => Promise.resolve(look),
      async *apply() {},
    }
    return narrowTarget(target, inside).look!({}, signal)
  }
  const items = [held('chora.react'), held('chora.mail')]
  const complete = await of({ saw: 'complete', items })
  assert.ok(complete.saw === 'complete')
  assert.deepEqual(await Array.fromAsync(complete.items), [held('chora.react')])
  const delta = await of({ saw: 'delta', items, gone: ['chora.mail.x', 'chora.react.x'] })
  assert.deepEqual(delta, { saw: 'delta', items: [held('chora.react')], gone: ['chora.react.x'] })
})
