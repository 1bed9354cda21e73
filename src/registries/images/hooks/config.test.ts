import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hook, hooks } from './config.ts'

const secrets = ['0123456789abcdef']
const header = { values: ['Bearer 0123456789'] }
const id = 'a0b1c2d3e4f5a0b1c2d3e4f5'

function faultsOf(given: object): string[] {
  const read = hook.safeParse({ registry: 'forge', ...given })
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('each type is let in with what its sender can do, and with nothing less', () => {
  const right = {
    gitea: { secrets },
    forgejo: { secrets, header, id },
    github: { secrets },
    dockerhub: { id },
    distribution: { header },
    harbor: { header },
    quay: { id },
    cloudevents: { header },
    auto: { id },
  }
  for (const [type, proof] of Object.entries(right)) {
    assert.deepEqual(faultsOf({ type, ...proof }), [], type)
    const [fault = ''] = faultsOf({ type })
    assert.match(fault, /is missing: without .* anybody could send\ngive .*openssl rand -hex 24$/, type)
  }
})

test('what a sender cannot send is refused, for it would never come', () => {
  const wrong = {
    dockerhub: { id, secrets },
    quay: { id, header },
    distribution: { header, secrets },
    github: { secrets, header },
  }
  for (const [type, proof] of Object.entries(wrong)) {
    assert.match(faultsOf({ type, ...proof })[0] ?? '', /is nothing that .* can send\ntake it out/, type)
  }
})

test('a secret that can be guessed is refused, and no message repeats it', () => {
  const weak = [
    { type: 'gitea', secrets: ['hunter2'] },
    { type: 'gitea', secrets: [] },
    { type: 'gitea', secrets: [...secrets, ...secrets, ...secrets, ...secrets] },
    { type: 'harbor', header: { values: ['hunter2'] } },
    { type: 'harbor', header: { name: 'not a name', values: header.values } },
    { type: 'harbor', header: { values: ['Bearer hunter2\r\nhunter2: 1'] } },
    { type: 'quay', id: 'hunter2' },
    { type: 'quay', id: 'hunter2/hunter2/hunter2/hunter2' },
  ]
  for (const given of weak) {
    const faults = faultsOf(given)
    assert.ok(faults.length > 0, JSON.stringify(given))
    assert.doesNotMatch(faults.join(), /hunter2/)
  }
})

test('two hooks never have the same address', () => {
  const one = { type: 'quay', registry: 'forge', id }
  assert.equal(hooks.safeParse({ one, two: one }).success, false)
  assert.equal(hooks.safeParse({ one, [id]: { type: 'gitea', registry: 'forge', secrets } }).success, false)
  assert.equal(hooks.safeParse({ one, two: { ...one, id: `${id}0` } }).success, true)
  assert.equal(hooks.safeParse({ 'a/b': one }).success, false)
  assert.deepEqual(hooks.parse(undefined), {})
})
