import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import { skipWithout } from '../parts/find.ts'
import { raceImages } from '../parts/images-race.ts'
import { sites } from '../parts/images-sites.ts'

describe('acceptance 6 and 7: webhook, repetition and poll race, and the process is killed', () => {
  for (const [name, open] of Object.entries(sites)) {
    test(`${name}: one deploy of each version`, { skip: skipWithout('docker-registry') }, async () => {
      await using site = await open()
      const { runs, amid, faults } = await raceImages({ runs: 4, random: seededRandom(6), site })
      assert.deepEqual(faults, [])
      assert.equal(runs, 4)
      assert.ok(amid > 0, 'none was killed amid a deploy')
    })
  }
})
