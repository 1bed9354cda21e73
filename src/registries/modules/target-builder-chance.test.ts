/** Changes, faults and restarts by chance; in the end the builder shows exactly what the source does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDocsBuilder } from '../../connectors/docs-builder/client.ts'
import { startFakeBuilder, type Fault } from '../../connectors/docs-builder/testing/fake-builder.ts'
import type { Entry } from '../../engine/source.ts'
import { fixedTargets } from '../../engine/target.ts'
import { systemClock } from '../../kernel/clock.ts'
import { sha256 } from '../../kernel/digest.ts'
import type { ModuleDocument } from './model.ts'
import { builderLimits, createBuilderTarget } from './target-builder.ts'
import { createArchives, createDeliveryGround, createSkippingClock } from './testing/delivery-ground.ts'

const places = ['a/alpha', 'a/beta', 'b/alpha', 'b/beta', 'c/stable', 'd/stable']
const versions = ['v1', 'v2', 'v3']

/** The same numbers for the same seed (mulberry32). */
function chanceOf(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const sorted = (lines: readonly (readonly (string | null)[])[]) => lines.map((line) => line.join(' ')).toSorted()

async function run(seed: number, blind: boolean): Promise<void> {
  const chance = chanceOf(seed)
  const pick = <T>(from: readonly T[]): T => from[chance(from.length)]!
  const fake = await startFakeBuilder(blind ? { documents: 'missing' } : {})
  const archives = createArchives()
  const clock = createSkippingClock()
  let process = 0
  const target = () =>
    createBuilderTarget({
      name: 'docs',
      builder: createDocsBuilder({ address: fake.address, clock: systemClock }),
      identity: 'one',
      open: (digest) => archives.open(digest),
      newId: () => `process-${(process += 1)}`,
    })
  const budget = { least: 1_000, share: 1, over: 1_000 }
  const house = await createDeliveryGround(fixedTargets(target()), { limits: builderLimits, budget }, clock)
  const truth = new Map<string, Entry<ModuleDocument>>()
  try {
    for (let step = 0; step < 12; step += 1) {
      for (let change = chance(4); change >= 0; change -= 1) {
        const [place, version] = [pick(places), pick([...versions, null])]
        if (version === null) truth.delete(place)
        else truth.set(place, await archives.document(place, version))
      }
      // The last of all is never taken away: an empty source removes nothing.
      if (truth.size === 0) truth.set('a/alpha', await archives.document('a/alpha', 'v1'))
      house.show(...truth.values())
      for (let faults = chance(3); faults > 0; faults -= 1) {
        const fault: Omit<Fault, 'on'> = {
          is: pick(['error', 'drop'] as const),
          when: pick(['before', 'half', 'after'] as const),
          times: 1 + chance(3),
        }
        fake.fault({
          on: pick(['upload', 'upload', 'upload', 'delete', 'build', 'documents', 'health'] as const),
          ...fault,
        })
      }
      const running = house.pass(100).catch(() => {})
      if (chance(2) === 0) {
        await systemClock.sleep(chance(12))
        await house.restart(fixedTargets(target()))
      }
      await running
      if (chance(2) === 0) clock.skip(120_000)
    }
    fake.mend()
    for (let pass = 0; pass < 8; pass += 1) {
      clock.skip(3_600_000)
      await house.pass(100)
    }
    const expected = sorted([...truth].map(([place, { label }]) => [place, label]))
    assert.deepEqual(sorted([...fake.versions()]), expected, `seed ${seed}: what it lists`)
    const shown = [...fake.shown()].map(([place, { version, files }]) => {
      // Whole, and the page of that version.
      assert.deepEqual([files.size, files.get('content/README.md')], [2, sha256(version!)], `seed ${seed}: ${place}`)
      return [place, version] as const
    })
    assert.deepEqual(sorted(shown), expected, `seed ${seed}: what it shows`)
    const before = fake.requests.filter(({ method }) => method !== 'GET').length
    await house.restart(fixedTargets(target()))
    await house.pass()
    assert.equal(fake.requests.filter(({ method }) => method !== 'GET').length, before, `seed ${seed}: sent again`)
  } finally {
    await house[Symbol.asyncDispose]()
    await fake.stop()
  }
}

test(
  'whatever goes wrong on the way, nothing is missing and nothing left over in the end',
  { timeout: 120_000 },
  async () => {
    for (let seed = 1; seed <= Number(process.env['CHANCES'] ?? 15); seed += 1) await run(seed, false)
  },
)

test('also at a builder that cannot tell what it holds', { timeout: 120_000 }, async () => {
  for (let seed = 101; seed <= 100 + Number(process.env['CHANCES'] ?? 10); seed += 1) await run(seed, true)
})
