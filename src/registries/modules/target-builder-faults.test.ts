/** Builders that are down, hang, or answer nothing but failures: what is delivered in the end, and to the others meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDocsBuilder } from '../../connectors/docs-builder/client.ts'
import { startFakeBuilder, type FakeBuilder } from '../../connectors/docs-builder/testing/fake-builder.ts'
import { fixedTargets } from '../../engine/target.ts'
import { systemClock } from '../../kernel/clock.ts'
import { builderLimits, createBuilderTarget } from './target-builder.ts'
import { createArchives, createDeliveryGround, until } from './testing/delivery-ground.ts'

const limits = builderLimits

async function ground(names: readonly string[]) {
  const archives = createArchives()
  const fakes = new Map<string, FakeBuilder>()
  for (const name of names) fakes.set(name, await startFakeBuilder())
  const bounds = { connect: 1_000, health: 1_000, upload: 120_000, delete: 120_000, build: 120_000 }
  const targets = [...fakes].map(([name, { address }]) =>
    createBuilderTarget({
      name,
      builder: createDocsBuilder({ address, clock: systemClock, bounds }),
      identity: address,
      open: (digest) => archives.open(digest),
      newId: () => 'process',
    }),
  )
  const house = await createDeliveryGround(fixedTargets(...targets), { limits })
  return {
    archives,
    fakes,
    fake: fakes.get(names[0]!)!,
    house,
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]()
      for (const target of targets) await target.close!()
      for (const fake of fakes.values()) await fake.stop()
    },
  }
}

test('a builder that is down during 100 changes gets exactly the final state, with one build', async () => {
  await using on = await ground(['docs'])
  const { fake, archives, house } = on
  const modules = Array.from({ length: 10 }, (_, at) => `m${at}/alpha`)
  const at = (version: string) => Promise.all(modules.map((place) => archives.document(place, version)))
  house.show(...(await at('v0')))
  house.engine.start()
  await until(() => fake.builds === 1)
  await fake.stop()
  for (let n = 1; n <= 10; n += 1) {
    house.show(...(await at(`v${n}`)))
    await house.pass()
  }
  assert.equal(await house.targetState('docs'), 'unavailable')
  house.show(...house.shown.values().take(9))
  await house.pass()
  const before = fake.asked('upload').length
  await fake.start()
  await until(async () => {
    assert.deepEqual(new Set(Object.values(await house.states('docs'))), new Set(['applied']))
    assert.deepEqual(
      [...fake.versions()],
      modules.slice(0, 9).map((place) => [place, 'v10']),
    )
  })
  assert.deepEqual([fake.asked('upload').length - before, fake.asked('delete').length, fake.builds], [9, 1, 2])
})

test('of 50 builders one hangs, and the others are not delayed, pass after pass', { timeout: 120_000 }, async () => {
  const names = Array.from({ length: 50 }, (_, n) => `docs-${n}`)
  await using on = await ground(names)
  const { fakes, fake, archives, house } = on
  // It takes connections and answers on /healthz, so that nothing but its own slowness tells.
  fake.fault({ on: 'upload', is: 'hang' })
  house.engine.start()
  // More passes than may overlap.
  for (let n = 1; n <= 12; n += 1) {
    house.show(await archives.document('console/alpha', `v${n}`))
    house.hint()
    await until(() =>
      [...fakes.values()].slice(1).every((one) => one.shown().get('console/alpha')?.version === `v${n}`),
    )
  }
  assert.equal(fake.builds, 0)
  fake.mend()
  await fake.stop()
  await fake.start()
  await until(() => fake.shown().get('console/alpha')?.version === 'v12')
})

test('a builder with nothing but failures is asked less and less, and builds nothing; once it is well, all of it is there', async () => {
  await using on = await ground(['docs'])
  const { fake, archives, house } = on
  fake.fault({ on: 'upload', is: 'error' })
  house.show(...(await Promise.all(['a/alpha', 'b/alpha', 'c/alpha'].map((place) => archives.document(place, 'v1')))))
  house.engine.start()
  await until(() => fake.asked('upload').length >= 12)
  assert.equal(fake.asked('build').length, 0)
  fake.mend()
  await until(async () => {
    assert.deepEqual(await house.states('docs'), { 'a/alpha': 'applied', 'b/alpha': 'applied', 'c/alpha': 'applied' })
    assert.equal(fake.shown().size, 3)
  })
})

test('a build that fails is owed until it has gone through, and only then asked about', async () => {
  await using on = await ground(['docs'])
  const { fake, archives, house } = on
  for (const is of ['error', 'drop'] as const) fake.fault({ on: 'build', is, times: 1 })
  house.show(await archives.document('console/alpha', 'v1'))
  house.engine.start()
  await until(async () => assert.deepEqual(await house.states('docs'), { 'console/alpha': 'applied' }))
  assert.deepEqual([fake.asked('upload').length, fake.asked('build').length, fake.builds], [1, 3, 1])
})

test('while a build takes long, nothing is asked again and again', async () => {
  await using on = await ground(['docs', 'other'])
  const { fakes, fake, archives, house } = on
  const release = fake.holdBuilds()
  house.show(await archives.document('console/alpha', 'v1'))
  house.engine.start()
  await until(() => fake.asked('build').length === 1)
  house.show(await archives.document('console/alpha', 'v2'))
  house.hint()
  await until(() => fakes.get('other')!.shown().get('console/alpha')?.version === 'v2')
  assert.deepEqual([fake.asked('build').length, fake.asked('upload').length], [1, 1])
  release()
  await until(() => fake.shown().get('console/alpha')?.version === 'v2')
  await until(async () => assert.deepEqual(await house.states('docs'), { 'console/alpha': 'applied' }))
  assert.equal(fake.builds, 2)
})
