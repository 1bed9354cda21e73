/** Deliveries that were changed anywhere: nothing crashes, and nothing passes that was not signed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { imageHookEvents } from '../tables.ts'
import type { Sent } from './testing/deliveries.ts'
import * as from from './testing/deliveries.ts'
import { hooksGround, type GroundOptions } from './testing/hooks-ground.ts'

const id = 'a0b1c2d3e4f5a0b1c2d3e4f5'
const hooks: GroundOptions['hooks'] = {
  gitea: { type: 'gitea', registry: 'forge', secrets: [from.secret] },
  github: { type: 'github', registry: 'ghcr', secrets: [from.secret] },
  agreed: { type: 'auto', registry: 'mirror', header: { values: [from.token] } },
  any: { type: 'auto', registry: 'forge', id },
}

const signed: readonly (readonly [string, Sent])[] = [
  ['gitea', from.fromGitea()],
  ['gitea', from.fromGitea({ form: true })],
  ['github', from.fromGithub()],
]

/** One byte is another, is gone, or stands twice; or the whole is cut off. */
const change = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('flip', 'drop', 'double', 'cut'),
  by: fc.integer({ min: 1, max: 255 }),
})

function changed(body: Buffer, { at, how, by }: { at: number; how: string; by: number }): Buffer {
  const place = at % body.length
  const [head, tail] = [body.subarray(0, place), body.subarray(place + 1)]
  const byte = body[place]!
  const middle = how === 'flip' ? [byte ^ by] : how === 'double' ? [byte, byte] : []
  return Buffer.concat([head, Buffer.from(middle), how === 'cut' ? Buffer.alloc(0) : tail])
}

/** What of a form is no part of its payload may change: `+` for `%20`, say, or what stands before it. */
const payloadOf = ({ headers, body }: Sent): string =>
  headers['content-type'] === 'application/json' || !headers['x-gitea-event']
    ? body.toString('latin1')
    : (new URLSearchParams(body.toString()).get('payload') ?? '')

test('of a thousand changed deliveries none passes', async () => {
  const ground = hooksGround({ hooks })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...signed), change, async ([address, sent], how) => {
      const forged = { ...sent, body: changed(sent.body, how) }
      fc.pre(payloadOf(forged) !== payloadOf(sent))
      assert.equal((await ground.post(address, forged)).status, 401)
    }),
    { numRuns: 1_000 },
  )
  assert.deepEqual([ground.hints, await ground.journal.select(imageHookEvents)], [[], []])
})

test('nor does one whose headers were changed', async () => {
  const ground = hooksGround({ hooks })
  const proofs = ['x-gitea-signature', 'x-gogs-signature', 'x-hub-signature-256', 'authorization']
  const value = fc.oneof(
    fc.string(),
    fc.constant(''),
    fc.constant('sha256='),
    fc.stringMatching(/^sha256=[0-9a-f]{64}$/),
  )
  const given = fc.record(Object.fromEntries(proofs.map((name) => [name, fc.option(value, { nil: undefined })])))
  const sent = [...signed, ['agreed', from.fromHarbor()] as const]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sent), given, async ([address, { headers, body }], more) => {
      const others = Object.entries(more).filter(([, text]) => text !== undefined) as [string, string][]
      const kept = Object.entries(headers).filter(([name]) => !proofs.includes(name))
      const { status } = await ground.post(address, { headers: Object.fromEntries([...kept, ...others]), body })
      assert.equal(status, 401)
    }),
    { numRuns: 300 },
  )
})

test('whatever is said by somebody who may: it is taken or refused', async () => {
  const shapes = [
    from.fromDockerHub(),
    from.fromQuay(),
    from.fromHarbor(),
    from.fromHarbor({ format: 'cloudevents' }),
    from.fromDistribution([{ id: '1', tag: 'v1' }]),
    from.fromCloudEvents(),
    from.fromGitea(),
    from.fromGithub(),
  ]
  /** One value of the JSON is another one. */
  function altered(value: unknown, path: number[], by: unknown): unknown {
    const [first, ...rest] = path
    if (first === undefined || typeof value !== 'object' || value === null) return by
    const entries = Object.entries(value)
    if (entries.length === 0) return by
    const at = first % entries.length
    const next = entries.map(([name, one], n) => [name, n === at ? altered(one, rest, by) : one] as const)
    return Array.isArray(value) ? next.map(([, one]) => one) : Object.fromEntries(next)
  }
  const path = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...shapes), path, fc.jsonValue(), fc.boolean(), async (sent, at, by, named) => {
      const ground = hooksGround({ hooks })
      const body = Buffer.from(JSON.stringify(altered(JSON.parse(sent.body.toString()), at, by)))
      const headers = named ? sent.headers : { authorization: from.token }
      for (const address of [id, 'agreed']) {
        const { status } = await ground.post(address, { headers: { ...headers, authorization: from.token }, body })
        assert.ok([202, 400].includes(status), `${status}`)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a form, a header or an id as long as can be costs no time', async () => {
  const ground = hooksGround({ hooks })
  const long = [
    {
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-gitea-event': 'package' },
      body: Buffer.alloc(1 << 20, '&'),
    },
    { headers: { 'x-gitea-event': 'package' }, body: Buffer.alloc(1 << 20, '[') },
    {
      headers: { 'x-github-event': 'package', 'x-hub-signature-256': 'sha256='.repeat(2_000) },
      body: Buffer.alloc(1 << 20),
    },
  ]
  for (const sent of long) for (const address of ['gitea', 'github', id]) await ground.post(address, sent)
  const name = `${'a/'.repeat(100_000)}b`
  for (const text of [name, `${'a.'.repeat(100_000)}/`, `${':'.repeat(100_000)}/`]) {
    const { body } = await ground.post(id, from.fromDockerHub(text))
    assert.deepEqual(body, { accepted: 0, repeated: 0, unmatched: 0, ignored: 1 })
  }
})
