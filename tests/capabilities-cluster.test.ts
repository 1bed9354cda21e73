/** prove/capabilities-cluster.ts in short: three members and 1,000 manifests, tokens of 2 s, 3 s without etcd. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { killLeader, shortTokens } from './parts/cluster-rounds.ts'
import { skipWithout } from './parts/find.ts'
import { outage } from './parts/outage.ts'

const timeout = 180_000

describe('capabilities and an etcd that is not well', { skip: skipWithout('etcd', 'etcdctl', 'openssl') }, () => {
  test('the leader is killed while 1,000 manifests are written: every key is exact', { timeout }, async () => {
    const { atKill, differences } = await killLeader({ count: 1000, seed: 1 })
    assert.deepEqual(differences, [])
    assert.ok(atKill > 0 && atKill < 4000, `killed at ${atKill} keys`)
  })

  for (const kind of ['jwt', 'simple'] as const) {
    test(`TLS, a user of one prefix, ${kind} tokens that end: every key is exact`, { timeout }, async () => {
      const { logins, differences } = await shortTokens({ count: 200, seed: 1, rounds: 1, seconds: 2, kind })
      assert.deepEqual(differences, [])
      assert.ok(logins >= 4, `${logins} logins`)
    })
  }

  test('nothing that is saved while etcd is away is lost', { timeout }, async () => {
    const { differences } = await outage({ away: 3000, count: 20 })
    assert.deepEqual(differences, [])
  })
})
