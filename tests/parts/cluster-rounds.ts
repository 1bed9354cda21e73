/** The rounds that prove/capabilities-cluster.ts runs in full and a test in short. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Ms } from '../../src/kernel/clock.ts'
import { startClusterSync, type ClusterSync } from './cluster-sync.ts'
import { startEtcd } from './etcd.ts'

/** However busy the machine: what takes longer than this does not end. */
const bound: Ms = 120_000

export interface KilledLeader {
  readonly count: number
  /** Keys that were there when the leader was killed, of four for each manifest. */
  readonly atKill: number
  /** From the kill until every key was exact. */
  readonly ms: number
  readonly differences: readonly string[]
}

/** Three members; the leader is killed with kill -9 while the keys are being written, and started again later. */
export async function killLeader({ count, seed }: { count: number; seed: number }): Promise<KilledLeader> {
  await using folder = await scratchFolder()
  await using etcd = await startEtcd({ members: 3 })
  const leader = await etcd.leader()
  await using sync = await startClusterSync({ etcd, folder: folder.path, count, seed })
  const atKill = await keysFrom(sync, count)
  await etcd.kill(leader)
  const ms = await sync.settle(bound)
  await etcd.start(leader)
  return { count, atKill, ms, differences: await sync.differences() }
}

export interface ShortTokens {
  readonly count: number
  /** How often the manifests were changed, each time after the token had ended. */
  readonly rounds: number
  /** Of the sync and of the one who compares. */
  readonly logins: number
  readonly ms: readonly number[]
  readonly differences: readonly string[]
}

/** TLS with client certificates, a user who may only touch what is his, and tokens that end after `seconds`. */
export async function shortTokens(options: {
  count: number
  seed: number
  rounds: number
  seconds: number
  kind: 'jwt' | 'simple'
}): Promise<ShortTokens> {
  const { count, seed, rounds, seconds, kind } = options
  await using folder = await scratchFolder()
  const users = { sync: { password: 'a pass:word', prefix: '/chora/' } }
  await using etcd = await startEtcd({
    tls: 'mutual',
    auth: { root: 'r00t', users, ...(kind === 'jwt' && { jwt: `${seconds}s` }) },
    flags: kind === 'simple' ? [`--auth-token-ttl=${seconds}`] : [],
  })
  const user = { username: 'sync', password: users.sync.password }
  // A token in memory ends when it is not used; a long interval and hints leave it alone.
  const interval = kind === 'simple' ? `${seconds * 10}s` : '1s'
  await using sync = await startClusterSync({ etcd, folder: folder.path, count, seed, user, interval })
  const ms = [await sync.settle(bound)]
  for (let round = 1; round <= rounds; round++) {
    await systemClock.sleep((seconds + 1) * 1000)
    await sync.revise(1 / 4, `9.${round}.0`)
    ms.push(await sync.settle(bound))
  }
  const handled = /^grpc_server_handled_total\{grpc_code="OK",grpc_method="Authenticate".*\} (\d+)$/m
  const logins = Number(handled.exec(await etcd.metrics())?.[1] ?? 0)
  return { count, rounds, logins, ms, differences: await sync.differences() }
}

/** Waits until at least so many keys are there. */
async function keysFrom(sync: ClusterSync, least: number): Promise<number> {
  const until = performance.now() + bound
  for (;;) {
    const keys = await sync.keys()
    if (keys >= least) return keys
    if (performance.now() > until) throw new Error(`only ${keys} keys after ${bound} ms\n${sync.said()}`)
  }
}

async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'regista-cluster-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
