/** What goes wrong at a forge, at each step: the same end, one branch, one request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ForgeFault, ForgeStep } from '../../../connectors/forge/testing/memory-forge.ts'
import { createFileHouse, ourBranch, registryPath, sync, type FileHouse } from '../testing/file-house.ts'

const faults: Readonly<Record<string, ForgeFault>> = {
  '409': { is: 'status', status: 409 },
  '422': { is: 'status', status: 422 },
  'secondary limit': { is: 'status', status: 403, retryAfter: 90_000 },
  '500': { is: 'status', status: 500 },
  'an answer lost after the effect': { is: 'lost' },
  'a call that hangs': { is: 'hangs' },
}

/** Nothing of ours but one branch, and one open request that says all. */
function assertProposed(house: FileHouse, message: string, requests: number): void {
  assert.deepEqual([...house.forge.repository.branches.keys()].toSorted(), [ourBranch, 'main'])
  assert.match(house.text(ourBranch)!, new RegExp(`statusMessage: ${message}\\n`))
  assert.deepEqual(house.open(), [requests])
  assert.equal(house.forge.repository.requests.length, requests)
  assert.match(house.forge.repository.requests.at(-1)!.body, new RegExp(`\`${message}\``))
}

async function assertQuiet(house: FileHouse): Promise<void> {
  const calls = await house.callsOf(() => house.pass(31_000))
  assert.ok(calls.length <= 3, calls.join(' '))
  assert.ok(
    calls.every((step) => ['head', 'find'].includes(step)),
    calls.join(' '),
  )
}

for (const [name, fault] of Object.entries(faults)) {
  for (const times of [1, 3]) {
    for (const step of ['head', 'commit', 'move', 'find', 'open', 'update'] as const satisfies readonly ForgeStep[]) {
      test(`${name}, ${times} times, at ${step}`, async () => {
        const house = createFileHouse()
        if (step === 'update') {
          house.tell('default/a', 'zero')
          await house.pass()
        }
        house.tell('default/a', 'first')
        house.forge.fail(step, fault, times)
        for (let pass = 0; pass <= times; pass += 1) await house.pass()
        // What is read again is not repeated, and meets no second fault.
        assert.ok(fault.is === 'lost' ? house.forge.pending < times : house.forge.pending === 0)
        assertProposed(house, 'first', 1)
        await assertQuiet(house)
      })
    }
  }
  for (const step of ['head', 'find', 'update', 'close', 'remove'] as const satisfies readonly ForgeStep[]) {
    test(`${name} at ${step}, when the base has caught up`, async () => {
      const house = createFileHouse()
      house.tell('default/a', 'first')
      await house.pass()
      house.forge.repository.push('main', { [registryPath]: house.text()!.replace('new', 'first') })
      house.forge.fail(step, fault)
      for (let pass = 0; pass < 3; pass += 1) await house.pass()
      assert.equal(house.forge.pending, 0)
      assert.deepEqual([...house.forge.repository.branches.keys()], ['main'])
      assert.deepEqual(house.open(), [])
      assert.equal(await house.owed(), null)
    })
  }
}

test('a forge that asks to be left alone is', async () => {
  const house = createFileHouse()
  house.tell('default/a', 'first')
  house.forge.fail('commit', faults['secondary limit']!)
  await house.pass()
  assert.deepEqual(await house.callsOf(() => house.pass(30_000)), [])
  await house.pass(61_000)
  assertProposed(house, 'first', 1)
})

test('a process that dies at any step goes on where it was', async () => {
  for (const step of ['head', 'read', 'find', 'commit', 'move', 'open'] as const) {
    for (const is of ['hangs', 'lost'] as const) {
      const house = createFileHouse()
      house.tell('default/a', 'first')
      house.forge.fail(step, { is })
      const dying = house.engine.pass(sync, { why: 'asked' })
      if (is === 'lost') await house.clock.drive(dying)
      else await house.clock.settle()
      assert.equal(house.forge.pending, 0)
      house.restart()
      await house.pass()
      assertProposed(house, 'first', 1)
      await assertQuiet(house)
    }
  }
})

test('a process that forgot everything takes up the branch and the request that it left', async () => {
  for (const requests of [true, false]) {
    const house = createFileHouse({ requests })
    house.tell('default/a', 'first')
    await house.pass()
    const head = house.forge.repository.branches.get(ourBranch)
    house.restart({ forgetful: true })
    await house.pass()
    assert.equal(house.forge.repository.branches.get(ourBranch), head)
    if (!requests) continue
    house.restart({ forgetful: true })
    house.tell('default/b', 'second')
    await house.pass()
    assertProposed(house, 'second', 1)
  }
})
