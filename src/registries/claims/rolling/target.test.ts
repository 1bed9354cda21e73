import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFileHouse, ourBranch, registryPath } from '../testing/file-house.ts'

test('what differs is proposed once, and is applied once the base has it', async () => {
  const house = createFileHouse()
  const key = house.tell('default/a', 'Ready: True')
  await house.pass()
  assert.deepEqual(house.open(), [1])
  assert.match(house.text(ourBranch)!, /statusMessage: "?'?Ready: True/)
  assert.deepEqual([(await house.row(key))?.state, (await house.row(key))?.reason], ['waiting', 'change-request'])
  const [request] = house.forge.repository.requests
  assert.match(request!.body, /\| `one` \| `default\/a` \| `new` \| `Ready: True` \|/)

  house.forge.repository.merge(1)
  await house.pass()
  assert.equal((await house.row(key))?.state, 'applied')
  assert.equal(await house.owed(), null)
  assert.deepEqual([...house.forge.repository.branches.keys()], ['main'])
  assert.deepEqual(await house.callsOf(() => house.pass()), ['head'])
})

test('a file that says all that is told is left alone, also by a process that knows nothing', async () => {
  const house = createFileHouse()
  for (const name of ['a', 'b', 'c']) house.tell(`default/${name}`, 'new')
  assert.deepEqual(await house.callsOf(() => house.pass()), ['head', 'read'])
  house.restart({ forgetful: true })
  assert.deepEqual(await house.callsOf(() => house.pass()), ['head', 'read'])
  assert.equal(house.forge.repository.requests.length, 0)
})

test('a claim that the registry does not name is no reason for a change', async () => {
  const house = createFileHouse()
  const key = house.tell('default/unknown', 'Ready')
  for (let pass = 0; pass < 3; pass += 1) await house.pass()
  assert.deepEqual([(await house.row(key))?.state, (await house.row(key))?.reason], ['waiting', 'unmatched'])
  assert.ok(house.forge.calls.every(({ step }) => ['head', 'read', 'find'].includes(step)))
  assert.equal((await house.journal.events({ type: 'delivery.waiting' })).length, 1)

  house.forge.repository.push('main', {
    [registryPath]: house.text()!.replace('name: b', 'name: unknown').replace('default/b', 'default/unknown'),
  })
  await house.pass()
  assert.match(house.text(ourBranch)!, /statusMessage: Ready/)
})
