/** A tenth of `npm run prove -- modules modules.kill`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import { skipWithout } from '../parts/find.ts'
import { killModules } from '../parts/modules-kill.ts'

test(
  'killed while it scans and delivers, ten times: every builder is exact in the end',
  { skip: skipWithout('docker-registry', 'openssl'), timeout: 280_000 },
  async () => {
    const { faults, amidDelivery } = await killModules({ rounds: 10, random: seededRandom(1) })
    assert.deepEqual(faults, [])
    assert.ok(amidDelivery > 0, 'no kill came while something was delivered')
  },
)
