import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEtcd } from './parts/etcd.ts'
import { skipWithout } from './parts/find.ts'
import { hostileSync } from './parts/hostile-sync.ts'

test('each bad file costs itself alone and is named once', { skip: skipWithout('etcd', 'etcdctl') }, async () => {
  await using etcd = await startEtcd()
  const run = await hostileSync(etcd, 100, 23, 3)
  assert.deepEqual(run, { synced: 100, exact: true, passes: 3, inLog: [], inStatus: [] })
})
