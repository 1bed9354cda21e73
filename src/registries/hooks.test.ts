import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hooksOf, notify } from './hooks.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const faultsOf = (...hooks: object[]) => {
  const { error } = notify.safeParse(hooks.map((hook) => ({ url: 'https://a.example/x', secret, ...hook })))
  return (error?.issues ?? []).map(({ path, message }) => [path.join('.'), message.split('\n')[0]])
}

test('a hook is named after its host, and what is left out has a default', () => {
  const given = notify.parse([
    { url: 'https://a.example:8443/s3cret', secret },
    { name: 'b', url: 'https://a.example', secret: [secret] },
  ])
  const [first, second] = hooksOf(given)
  assert.deepEqual(first, {
    name: 'a.example:8443',
    url: 'https://a.example:8443/s3cret',
    secrets: [secret],
    on: 'changes',
    headers: {},
    timeout: 10_000,
  })
  assert.equal(second?.name, 'b')
  assert.deepEqual(hooksOf(undefined), [])
})

test('clear text goes to this machine alone, unless that is wanted', () => {
  const clear = 'would cross the network in clear text'
  assert.deepEqual(faultsOf({ url: 'http://a.example/' }), [['0.url', clear]])
  assert.deepEqual(faultsOf({ url: 'http://127.0.0.1.example/' }), [['0.url', clear]])
  for (const url of ['http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]/'])
    assert.deepEqual(faultsOf({ url }), [])
  assert.deepEqual(faultsOf({ url: 'http://a.example/', allow_http: true }), [])
})

test('refuses what cannot work, and repeats no value', () => {
  assert.deepEqual(faultsOf({ url: 'ftp://a.example' }), [['0.url', 'is no address']])
  assert.deepEqual(faultsOf({ url: 'https://u:p@a.example' }), [['0.url', 'holds credentials']])
  assert.deepEqual(faultsOf({ headers: { 'Webhook-Id': 'x' } }), [['0.headers', 'names a header that is set already']])
  assert.deepEqual(faultsOf({ headers: { 'X-A': 'a\nb' } }), [['0.headers', 'holds a value that no header can hold']])
  assert.deepEqual(faultsOf({}, {}), [['1.name', 'is the name of another hook of this sync']])
  for (const wrong of ['plain', 'whsec_c2hvcnQ=', `${secret}!`, `whsec_${Buffer.alloc(65).toString('base64')}`]) {
    const [fault] = faultsOf({ secret: wrong })
    assert.equal(fault?.[0], '0.secret', wrong)
    assert.ok(!fault[1]!.includes(wrong))
  }
  for (const size of [24, 25, 32, 48, 64]) {
    assert.deepEqual(faultsOf({ secret: `whsec_${Buffer.alloc(size).toString('base64')}` }), [], String(size))
  }
})
