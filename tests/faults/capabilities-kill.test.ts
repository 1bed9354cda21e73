/** A tenth of `npm run prove -- capabilities capabilities.kill-sync`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import { startEtcd } from '../parts/etcd.ts'
import { skipWithout } from '../parts/find.ts'
import { killSync } from '../parts/kill-sync.ts'

test(
  'killed in the middle of a sync, ten times: never half-written, exact after the restart',
  {
    skip: skipWithout('etcd', 'etcdctl'),
    timeout: 240_000,
  },
  async () => {
    await using etcd = await startEtcd()
    const { faults, amid } = await killSync({ etcd, rounds: 10, random: seededRandom(1) })
    assert.deepEqual(faults, [])
    assert.ok(amid > 0, 'no kill came while keys were being written')
  },
)
