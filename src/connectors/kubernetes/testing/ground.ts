/** A list-watch that is read from a simulated cluster, for tests of its faults. */
import type { TestContext } from 'node:test'
import { systemClock, type Clock } from '../../../kernel/clock.ts'
import { createKubernetes, type Kubernetes } from '../client.ts'
import type { ListWatchQuery } from '../list-watch.ts'
import type { WatchBounds } from '../watch.ts'
import { startReading, waitFor, type Reading } from './reading.ts'
import { startSimulator, type Seen, type Simulator } from './simulator.ts'

export interface Ground extends Reading {
  readonly simulator: Simulator
  readonly client: Kubernetes
}

interface Options {
  readonly query?: Partial<ListWatchQuery<string>>
  readonly bounds?: Partial<WatchBounds>
  readonly clock?: Clock
  /** Before anybody reads. */
  readonly prepare?: (simulator: Simulator) => void
}

/** Chance says that no back-off waits. */
export const random = () => 0

export async function read(
  t: TestContext,
  { query, bounds, clock = systemClock, prepare }: Options = {},
): Promise<Ground> {
  const simulator = await startSimulator({ token: 'secret' })
  prepare?.(simulator)
  const client = createKubernetes({ cluster: simulator.cluster(), clock, random, ...(bounds && { watch: bounds }) })
  const reading = startReading(client, query)
  t.after(async () => {
    await reading.stop()
    await client.close()
    await simulator[Symbol.asyncDispose]()
  })
  return { ...reading, simulator, client }
}

/** `synced`, and the watch stands. */
export async function standing({ simulator, heard }: Ground): Promise<void> {
  await heard('synced')
  await oneWatch(simulator)
}

export async function oneWatch(simulator: Simulator): Promise<Simulator['watches'][number]> {
  await waitFor(
    () => simulator.watches.length === 1,
    () => 'no watch stands',
  )
  return simulator.watches[0]!
}

export const isWatch = ({ query }: Seen) => query.has('watch')
export const isList = ({ query }: Seen) => query.has('limit')
export const watchesOf = ({ seen }: Simulator) => seen.filter(isWatch)
export const listsOf = ({ seen }: Simulator) => seen.filter(isList)
