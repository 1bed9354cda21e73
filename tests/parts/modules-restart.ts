/** A process of `regista serve` after another one: what it sends to builders that have everything already. */
import { rmSync } from 'node:fs'
import { databaseFile } from '../../src/database/holder.ts'
import { startFakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import { startDockerRegistry } from './docker-registry.ts'
import {
  modulesGround,
  realRegistry,
  sentTo,
  sync,
  untilExact,
  type Sent,
  type ModulesServed,
} from './modules-ground.ts'
import { createReleases, differences } from './modules-releases.ts'

export interface Restarted {
  /** How the process before ended, and what of its state was left. */
  readonly after: 'stopped' | 'killed' | 'ledger-removed' | 'state-removed' | 'stopped-and-one-moved'
  /** Sent to all builders together. */
  readonly sent: Sent
  readonly documents: number
  /** Deliveries of this process that nothing had to be sent for. */
  readonly adopted: number
  readonly wrong: readonly string[]
}

const base = 'restart/modules'
const channels = ['alpha', 'beta', 'stable'] as const

export async function restarts(modules: number): Promise<Restarted[]> {
  await using registry = await startDockerRegistry({ tls: true, auth: 'token' })
  await using first = await startFakeBuilder()
  await using second = await startFakeBuilder()
  const builders = [first, second]
  const targets = Object.fromEntries(builders.map(({ address }, n) => [`builder-${n}`, { address }]))
  using ground = modulesGround({ registries: [realRegistry(registry, base)], targets })
  const { disk: shelf, untag } = registry
  const releases = createReleases({ base, shelf, untag })
  for (let n = 0; n < modules; n += 1) for (const channel of channels) await releases.put(`m${n}`, channel, 'v1.0.0')
  {
    await using served = await ground.serve()
    await untilExact(builders, await releases.truth())
    await served.passes(1, true)
    await served.stop()
  }

  const told = () => builders.map(sentTo)
  async function again(
    after: Restarted['after'],
    end: (served: ModulesServed) => Promise<unknown>,
  ): Promise<Restarted> {
    const before = told()
    await using served = await ground.serve()
    await served.passes(2, true)
    const truth = await releases.truth()
    await untilExact(builders, truth)
    const events = await served.list<{ type: string }>('/api/v1/events', { sync, type: 'delivery.adopted' })
    const wrong = builders.flatMap((builder) => differences(builder.shown(), truth))
    await end(served)
    const now = told()
    const sum = (of: keyof Sent) => now.reduce((total, each, n) => total + each[of] - before[n]![of], 0)
    const sent = { uploads: sum('uploads'), deletes: sum('deletes'), builds: sum('builds') }
    return { after, sent, documents: truth.size * builders.length, adopted: events.length, wrong }
  }
  const stop = (served: ModulesServed) => served.stop()
  const results = [await again('stopped', (served) => served.kill()), await again('killed', stop)]
  for (const end of ['', '-wal', '-shm']) rmSync(`${databaseFile(ground.at.path('state'))}${end}`, { force: true })
  results.push(await again('ledger-removed', stop))
  rmSync(ground.at.path('state'), { recursive: true })
  results.push(await again('state-removed', stop))
  await releases.put('m0', 'alpha', 'v2.0.0')
  results.push(await again('stopped-and-one-moved', stop))
  return results
}
