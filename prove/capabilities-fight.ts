/** Somebody else writes to a key of ours, back each time: answered less and less often, and shown. */
import { startEtcd, type Etcd } from '../tests/parts/etcd.ts'
import { until } from '../tests/parts/gitops-sync.ts'
import { regista, serveRegista } from '../tests/parts/regista.ts'
import { scratch } from '../tests/parts/scratch.ts'
import { createEtcd } from '../src/connectors/etcd/client.ts'
import { systemClock as clock } from '../src/kernel/clock.ts'
import type { Proofs } from './report.ts'

const id = 'chora.mail.delivery'
const key = `/chora/capabilities/${id}/version`
const theirs = 'theirs'

export const proofs: Proofs = {
  'capabilities.fight': async (report, { long }) => {
    await using etcd = await startEtcd()
    // Looks by itself once an hour: what is put right sooner, the watch has told.
    const config = `
server: { port: 0 }
state: state
capabilities:
  catalog:
    directory: capabilities
    interval: 1h
    targets: { etcd: { etcd: { endpoints: ['${etcd.endpoints[0]}'] } } }
`
    using at = scratch(config)
    await using _serving = await serveRegista([], { cwd: at.folder })
    const held = async () => (await etcd.dump(key))[key]
    await until('the first sync', async () => (await held()) !== undefined)
    const ours = await held()

    const took: number[] = []
    for (let round = 0; round < 2; round += 1) {
      const began = performance.now()
      await etcd.ctl('put', key, theirs)
      await until('a repair', async () => (await held()) === ours)
      took.push(Math.round(performance.now() - began))
    }
    report({ part: 'repair', ok: Math.max(...took) < 5_000, figure: `put right after ${took.join(' and ')} ms` })

    const ms = long ? 60_000 : 12_000
    const answered = await fight(etcd, ms)
    const most = Math.ceil(Math.log2(ms / 5_000)) + 1
    report({ part: 'no-loop', ok: answered <= most, figure: `${answered} repairs in ${ms / 1000} s (at most ${most})` })

    const run = (...args: readonly string[]) => regista([...args, '-c', at.path('regista.yaml')], { cwd: at.folder })
    const listed = await run('release', '--list', '--output', 'json')
    const [hold] = JSON.parse(listed.stdout) as { id: string; reason: string; key: string; until: number }[]
    const shown = hold?.reason === 'contested' && hold.key === id && hold.until > Date.now()
    report({ part: 'shown', ok: shown, figure: hold ? `hold ${hold.reason} on ${hold.key}` : 'no hold' })

    if (hold) await run('release', hold.id)
    const peace = await until('peace', async () => (await held()) === ours, 10_000).then(
      () => true,
      () => false,
    )
    report({ part: 'released', ok: peace, figure: peace ? 'put right once a person said so' : 'not put right' })
  },
}

/** Writes back whenever the key is not theirs; answers how often it had to. */
async function fight(etcd: Etcd, ms: number): Promise<number> {
  const store = createEtcd({ endpoints: etcd.endpoints, clock })
  const stop = AbortSignal.timeout(ms)
  const never = new AbortController().signal
  const write = () => store.write({ guards: [], operations: [{ op: 'put', key, value: Buffer.from(theirs) }] }, never)
  let answered = 0
  await write()
  try {
    for await (const _ of store.watch(key, stop)) {
      const { pairs } = await store.range({ prefix: key }, never)
      if (Buffer.from(pairs[0]?.value ?? []).toString('utf8') === theirs) continue
      answered += 1
      await write()
    }
  } finally {
    await store.close()
  }
  return answered
}
