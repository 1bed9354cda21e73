/** An informer whose collector goes away while claims change: cluster, loop and collector in one process, on one clock. */
import type { ListWatchQuery, Observed } from '../../src/connectors/kubernetes/list-watch.ts'
import { keyOf, type KubernetesObject } from '../../src/connectors/kubernetes/objects.ts'
import { createFakeClock } from '../../src/engine/testing/fake-clock.ts'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import type { Ms } from '../../src/kernel/clock.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { createClusterSource } from '../../src/registries/claims/cluster/source.ts'
import { createFakeCollector, type FakeCollector } from '../../src/registries/claims/testing/fake-collector.ts'
import { createInformerGround } from '../../src/registries/claims/testing/informer-ground.ts'

export interface Away {
  readonly knows: FakeCollector['knows']
  readonly claims: number
  readonly events: number
  readonly away: Ms
  readonly seed: number
}

export interface Returned {
  /** Statuses that the collector got after it was back, and requests that brought them. */
  readonly sent: number
  readonly requests: number
  /** From its return until it held what the cluster shows. */
  readonly after: Ms
  /** Claims of which it holds something else in the end. */
  readonly wrong: readonly string[]
}

const kind = { group: 'example.org', version: 'v1', plural: 'databases', kind: 'Database', namespaced: true }
const longest: Ms = 10 * 60_000

export async function collectorAway({ knows, claims, events, away, seed }: Away): Promise<Returned> {
  const clock = createFakeClock()
  const random = seededRandom(seed)
  const cluster = createScriptedCluster()
  for (let n = 0; n < claims; n += 1) cluster.put(claimOf(n, 'at the start'))
  const source = createClusterSource({
    cluster: 'prod',
    kubernetes: cluster,
    kinds: [{ group: kind.group, resource: kind.plural }],
    discover: false,
    namespaces: [],
    messages: 'full',
    clock,
    random,
    logger: silentLogger,
  })
  const collector = createFakeCollector(clock)
  collector.knows = knows
  const told = { name: 'prod', alive: () => true, covered: source.covered }
  const ground = createInformerGround({ source, collector, clock, target: { cluster: told, random } })
  const differs = () => {
    const messages = collector.messages()
    return cluster.names().filter((name) => !messages[`a/${name}`]?.endsWith(`: ${cluster.wordOf(name)}`))
  }

  ground.engine.start()
  await settle()
  if (differs().length > 0) throw new Error('the collector was not told of the claims at the start')
  collector.down = true
  for (let event = 0; event < events; event += 1) {
    cluster.put(claimOf(Math.floor(random() * claims), `event ${event}`))
    await clock.advance(away / events)
  }
  const [came, asked] = [collector.came.length, collector.asked.length]
  collector.down = false
  const from = clock.now()
  await settle()
  const after = clock.now() - from
  // What still comes when all is well came in vain.
  await clock.advance(2 * 60_000)
  await clock.drive(ground.engine.stop(1_000))
  await clock.drive(source.close())
  const requests = collector.asked.slice(asked).filter(isTelling).length
  return { sent: collector.came.length - came, requests, after, wrong: differs() }

  async function settle(): Promise<void> {
    for (const until = clock.now() + longest; differs().length > 0 && clock.now() < until;) await clock.advance(100)
  }
}

function isTelling({ method, body }: FakeCollector['asked'][number]): boolean {
  const { items } = (body ?? {}) as { readonly items?: readonly unknown[] }
  return method === 'POST' && (items === undefined || items.length > 0)
}

function claimOf(n: number, word: string): KubernetesObject {
  const ready = { type: 'Ready', status: 'False', reason: 'Creating', message: word }
  return { kind: kind.kind, metadata: { name: `claim-${n}`, namespace: 'a' }, status: { conditions: [ready] } }
}

/** What a list-watch tells, as the test says it. */
function createScriptedCluster() {
  const objects = new Map<string, KubernetesObject>()
  const queue: KubernetesObject[] = []
  let wake = () => {}
  const wordOf = (object: KubernetesObject) =>
    (object['status'] as { conditions: { message: string }[] }).conditions[0]!.message
  return {
    name: 'scripted',
    kinds: () => Promise.resolve([{ ...kind, verbs: ['list', 'watch'] }]),
    async *listWatch<T>({ project }: ListWatchQuery<T>, signal: AbortSignal): AsyncGenerator<Observed<T>> {
      const put = (object: KubernetesObject): Observed<T> => {
        const key = keyOf(object)
        return { is: 'put', key, uid: key, item: project(object) }
      }
      queue.length = 0
      for (const object of objects.values()) yield put(object)
      yield { is: 'synced' }
      signal.addEventListener('abort', () => wake(), { once: true })
      while (!signal.aborted) {
        const next = queue.shift()
        if (next !== undefined) {
          yield put(next)
          continue
        }
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        await woken.promise
      }
    },
    put(object: KubernetesObject) {
      objects.set(object.metadata.name, object)
      queue.push(object)
      wake()
    },
    names: () => [...objects.keys()],
    wordOf: (name: string) => wordOf(objects.get(name)!),
  }
}
