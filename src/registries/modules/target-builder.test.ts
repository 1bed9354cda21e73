import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDocsBuilder } from '../../connectors/docs-builder/client.ts'
import {
  startFakeBuilder,
  type FakeBuilder,
  type FakeBuilderOptions,
} from '../../connectors/docs-builder/testing/fake-builder.ts'
import { fixedTargets } from '../../engine/target.ts'
import { targetContract } from '../../engine/testing/target-contract.ts'
import { systemClock } from '../../kernel/clock.ts'
import { builderLimits, createBuilderTarget, type BuilderTargetOptions } from './target-builder.ts'
import {
  createArchives,
  createDeliveryGround,
  createSkippingClock,
  entryOf,
  until,
  type Archives,
} from './testing/delivery-ground.ts'

let ids = 0
const newId = () => `process-${(ids += 1)}`

function targetOf(fake: FakeBuilder, archives: Archives, more: Partial<BuilderTargetOptions> = {}) {
  const bounds = { connect: 2_000, health: 2_000, upload: 5_000, delete: 5_000, build: 10_000, documents: 5_000 }
  const builder = createDocsBuilder({ address: fake.address, clock: systemClock, bounds })
  const { address: identity } = fake
  return createBuilderTarget({
    name: 'docs',
    builder,
    identity,
    open: (digest) => archives.open(digest),
    newId,
    ...more,
  })
}

async function ground(options: FakeBuilderOptions = {}, more: Partial<BuilderTargetOptions> = {}) {
  const fake = await startFakeBuilder(options)
  const archives = createArchives()
  const clock = createSkippingClock()
  const house = await createDeliveryGround(
    fixedTargets(targetOf(fake, archives, more)),
    {
      limits: builderLimits,
      budget: { least: 100, share: 1, over: 1_000 },
    },
    clock,
  )
  return {
    fake,
    archives,
    house,
    /** Passes until nothing waits any more. */
    async settle() {
      for (let turn = 0; turn < 12; turn += 1) {
        const report = await house.pass()
        if (report.targets.every(({ waiting, failed }) => waiting + failed === 0)) return report
        clock.skip(120_000)
      }
      throw new Error(`it does not settle: ${JSON.stringify(await house.states('docs'))}`)
    },
    restart: () => house.restart(fixedTargets(targetOf(fake, archives, more))),
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]()
      await fake.stop()
    },
  }
}

const asked = (fake: FakeBuilder) =>
  fake.requests
    .filter(({ operation }) => ['upload', 'delete', 'build'].includes(operation))
    .map(({ operation, module, version, channels }) =>
      [operation, ...(module === null ? [] : [module, version, channels.join()])].filter(Boolean).join(' '),
    )

const contractSubject = (options: FakeBuilderOptions) => async () => {
  const fake = await startFakeBuilder(options)
  const archives = createArchives()
  const pages = new Map<string, Awaited<ReturnType<Archives['document']>>>()
  const keys = ['console/alpha', 'console/beta', 'parca/stable']
  for (const key of keys) for (const n of [1, 2, 3]) pages.set(`${key} ${n}`, await archives.document(key, `v${n}`))
  const state = { identity: 'uid-1' }
  const target = targetOf(fake, archives)
  return {
    target: {
      ...target,
      identity: async (signal: AbortSignal) => `${await target.identity(signal)} ${state.identity}`,
    },
    keys,
    entry: (key: string, n: number) => pages.get(`${key} ${n}`)!,
    refused: entryOf('No_Module/alpha', 'v1', 'sha256:00', 1),
    tamper: (key: string) => Promise.resolve(fake.put(key.split('/')[0]!, key.split('/')[1]!, 'v9')),
    replace: () => Promise.resolve(void (state.identity = 'uid-2')),
    async breakDown() {
      await fake.stop()
      return () => fake.start()
    },
    async close() {
      await target.close?.()
      await fake.stop()
    },
  }
}

targetContract('docs-builder', contractSubject({ empty: true }))

test('a new builder gets everything with one upload for each version and one build; then nothing more', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(
    await archives.document('console/alpha', 'v2'),
    await archives.document('console/beta', 'v1', 'the same'),
    await archives.document('console/stable', 'v1', 'the same'),
  )
  // The same bytes, for `name` differs by channel.
  const [alpha, beta, stable] = [...house.shown.values()]
  house.show(alpha!, beta!, { ...stable!, item: { ...beta!.item, channel: 'stable' } })
  const report = await on.settle()
  assert.equal(report.ok, true)
  assert.deepEqual(asked(fake).toSorted(), ['build', 'upload console v1 beta,stable', 'upload console v2 alpha'])
  assert.deepEqual(Object.fromEntries(fake.versions()), {
    'console/alpha': 'v2',
    'console/beta': 'v1',
    'console/stable': 'v1',
  })
  assert.deepEqual(new Set(Object.values(await house.states('docs'))), new Set(['applied']))
  await on.restart()
  await on.settle()
  assert.equal(asked(fake).length, 3)
})

test('what ends absent is removed, one request for each module; an upload replaces', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  const document = (place: string, version: string) => archives.document(place, version)
  house.show(
    await document('a/alpha', 'v1'),
    await document('a/beta', 'v1'),
    await document('b/alpha', 'v1'),
    await document('b/beta', 'v1'),
  )
  await on.settle()
  const before = asked(fake).length
  house.show(await document('b/alpha', 'v2'))
  await on.settle()
  assert.deepEqual(asked(fake).slice(before).toSorted(), [
    'build',
    'delete a alpha,beta',
    'delete b beta',
    'upload b v2 alpha',
  ])
  assert.deepEqual(
    [...fake.shown()].map(([key, { version }]) => `${key} ${version}`),
    ['b/alpha v2'],
  )
})

test('a name that no builder takes is rejected without a request, and holds up nothing', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(
    await archives.document('Bad_Name/alpha', 'v1'),
    await archives.document('good/alpha', 'v1'),
    await archives.document('good/beta', '../v1'),
  )
  await on.settle()
  assert.deepEqual(await house.states('docs'), {
    'Bad_Name/alpha': 'rejected',
    'good/alpha': 'applied',
    'good/beta': 'rejected',
  })
  assert.deepEqual(asked(fake), ['upload good v1 alpha', 'build'])
})

test('an empty ledger adopts equal versions without upload or build, and keeps what is foreign', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  fake.put('console', 'alpha', 'v1')
  fake.put('console', 'beta', 'v1')
  fake.put('foreign', 'stable', 'v7')
  house.show(await archives.document('console/alpha', 'v1'))
  await on.settle()
  assert.deepEqual(asked(fake), [])
  house.show(await archives.document('console/alpha', 'v1'), await archives.document('console/beta', 'v2'))
  await on.settle()
  assert.deepEqual(asked(fake), ['upload console v2 beta', 'build'])
  house.show()
  assert.equal((await house.pass(10)).ok, true)
  assert.deepEqual([...fake.versions()], [['foreign/stable', 'v7']])
})

test('with prune_unknown what is foreign goes, within the removal budget', async () => {
  await using on = await ground({}, { pruneUnknown: true })
  const { fake, archives, house } = on
  fake.put('foreign', 'stable', 'v7')
  house.show(await archives.document('console/alpha', 'v1'))
  await on.settle()
  await on.settle()
  assert.deepEqual([...fake.versions()], [['console/alpha', 'v1']])
})

test('a version that the build drops is tried alone, then rejected; the sound ones of its module stay', async () => {
  for (const broken of ['v1', 'v2']) {
    await using on = await ground()
    const { fake, archives, house } = on
    fake.spoilt.add(`console@${broken}`)
    house.engine.start()
    house.show(
      await archives.document('console/alpha', 'v1'),
      await archives.document('console/beta', 'v2'),
      await archives.document('parca/alpha', 'v1'),
    )
    house.hint()
    const [bad, good] = broken === 'v1' ? ['console/alpha', 'console/beta'] : ['console/beta', 'console/alpha']
    const isSettled = async () => {
      assert.deepEqual(await house.states('docs'), { [bad!]: 'rejected', [good!]: 'applied', 'parca/alpha': 'applied' })
      assert.deepEqual([...fake.shown().keys()].toSorted(), [good, 'parca/alpha'].toSorted())
    }
    await until(isSettled)
    const before = asked(fake).length
    assert.ok(before <= 12, asked(fake).join('\n'))
    // Looked at again and again, nothing is sent any more.
    for (let turn = 0; turn < 3; turn += 1) await house.pass()
    assert.deepEqual(asked(fake).slice(before), [])
    await isSettled()
  }
})

test('what a build takes away with another version comes back', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  const alpha = await archives.document('console/alpha', 'v1')
  house.show(alpha)
  await on.settle()
  fake.spoilt.add('console@v2')
  house.engine.start()
  house.show(alpha, await archives.document('console/beta', 'v2'))
  house.hint()
  await until(async () => {
    assert.deepEqual(await house.states('docs'), { 'console/alpha': 'applied', 'console/beta': 'rejected' })
    assert.deepEqual([...fake.shown().keys()], ['console/alpha'])
  })
})

test('a builder without a list is believed, and gets everything when it is another one', async () => {
  await using on = await ground({ documents: 'missing' })
  const { fake, archives, house } = on
  house.show(await archives.document('console/alpha', 'v1'))
  await on.settle()
  await on.settle()
  assert.deepEqual(asked(fake), ['upload console v1 alpha', 'build'])
  assert.deepEqual(await house.states('docs'), { 'console/alpha': 'applied' })
  await fake.stop()
  await fake.start('lost')
  await house.restart(fixedTargets(targetOf(fake, archives, { identity: 'another' })))
  await on.settle()
  assert.deepEqual(asked(fake).slice(2), ['upload console v1 alpha', 'build'])
})

test('a builder that comes back with an empty disk gets everything again, though it is the same', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(await archives.document('console/alpha', 'v1'), await archives.document('parca/alpha', 'v1'))
  await on.settle()
  await house.pass()
  await fake.stop()
  await fake.start('lost')
  await on.restart()
  await on.settle()
  assert.deepEqual([...fake.shown().keys()].toSorted(), ['console/alpha', 'parca/alpha'])
})

test('an image that was built again under its old version is sent again', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(await archives.document('console/alpha', 'v1', 'one'))
  await on.settle()
  const before = fake.shown().get('console/alpha')!.files
  house.show(await archives.document('console/alpha', 'v1', 'two'))
  await on.settle()
  assert.equal(asked(fake).length, 4)
  assert.notDeepEqual(fake.shown().get('console/alpha')!.files, before)
})

test('an upload that breaks off is sent again at once, with its bytes, and no hole is built', async () => {
  for (const is of ['error', 'drop'] as const) {
    await using on = await ground()
    const { fake, archives, house } = on
    house.show(await archives.document('console/alpha', 'v1'), await archives.document('parca/alpha', 'v1'))
    fake.fault({ on: 'upload', module: 'console', is, when: 'half', times: 1 })
    await on.settle()
    assert.deepEqual(asked(fake).toSorted(), [
      'build',
      ...Array(2).fill('upload console v1 alpha'),
      'upload parca v1 alpha',
    ])
    assert.equal(fake.shown().get('console/alpha')!.files.size, 2)
  }
})

test('a build that shows only what failures left does not begin', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(await archives.document('console/alpha', 'v1'))
  await on.settle()
  fake.fault({ on: 'upload', is: 'error', when: 'half' })
  house.show(await archives.document('console/alpha', 'v2'))
  await house.pass()
  await house.pass()
  assert.equal(fake.builds, 1)
  assert.equal(fake.shown().get('console/alpha')!.version, 'v1')
  fake.mend()
  await on.settle()
  assert.deepEqual([fake.builds, fake.shown().get('console/alpha')!.version], [2, 'v2'])
})

test('half of an upload, and then the old version is wanted again: it is sent, whatever the list says', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  const first = await archives.document('console/alpha', 'v1')
  house.show(first)
  await on.settle()
  fake.fault({ on: 'upload', is: 'drop', when: 'half' })
  house.show(await archives.document('console/alpha', 'v2'))
  await house.pass()
  assert.equal(fake.versions().get('console/alpha'), 'v1')
  fake.mend()
  house.show(first)
  await on.settle()
  assert.equal(asked(fake).filter((line) => line === 'upload console v1 alpha').length, 2)
  assert.equal(fake.shown().get('console/alpha')!.files.size, 2)
  // Nor does half of something new stay when nobody wants it any more.
  fake.fault({ on: 'upload', is: 'drop', when: 'half' })
  house.show(first, await archives.document('console/beta', 'v2'))
  await house.pass()
  fake.mend()
  house.show(first)
  await on.settle()
  assert.deepEqual([...fake.shown().keys()], ['console/alpha'])
})

test('an answer that gets lost after the work was done changes nothing about the end', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  house.show(await archives.document('console/alpha', 'v1'), await archives.document('parca/alpha', 'v1'))
  for (const operation of ['upload', 'build', 'delete'] as const)
    fake.fault({ on: operation, is: 'drop', when: 'after', times: 1 })
  await until(async () => (await on.settle()).ok)
  house.show(await archives.document('parca/alpha', 'v1'))
  await until(async () => (await on.settle()).ok)
  assert.deepEqual([...fake.shown().keys()], ['parca/alpha'])
})

test('a lost archive fails its documents alone', async () => {
  await using on = await ground()
  const { fake, archives, house } = on
  const lost = await archives.document('console/alpha', 'v1')
  archives.lose(lost.item.archive)
  house.show(lost, await archives.document('parca/alpha', 'v1'))
  const report = await house.pass()
  assert.deepEqual([report.targets[0]!.state, report.targets[0]!.failed], ['ok', 1])
  assert.deepEqual(asked(fake), ['upload parca v1 alpha', 'build'])
})
