/** Whatever happens to the connection: what was told comes to what there is, and nothing that lives is called gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../kernel/clock.ts'
import { createKubernetes, type Kubernetes } from './client.ts'
import { docsLeases as path, holderOf, lease, waitFor } from './testing/reading.ts'
import { startSimulator, type Seen, type Simulator } from './testing/simulator.ts'

type Step =
  | { readonly do: 'put' | 'remove'; readonly name: string }
  | { readonly do: 'compact' | 'bookmark' | 'disconnect' | 'end' | 'error' | 'half' | 'settle' }
  | { readonly do: 'fault'; readonly at: 'list' | 'page' | 'watch'; readonly status: number }
  | { readonly do: 'cut'; readonly at: 'list' | 'page' | 'watch' }

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const at = fc.constantFrom('list', 'page', 'watch')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put'), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove'), name }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('compact', 'bookmark', 'disconnect', 'end', 'error', 'half') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle') }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fault'), at, status: fc.constantFrom(401, 403, 410, 500, 503) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut'), at }) },
)

const places = {
  list: ({ query }: Seen) => query.has('limit') && !query.has('continue'),
  page: ({ query }: Seen) => query.has('continue'),
  watch: ({ query }: Seen) => query.has('watch'),
}

/** Enough that lists have two pages. */
const many = 510

async function take(one: Step, simulator: Simulator, count: number): Promise<void> {
  if (one.do === 'put') simulator.put(path, lease(one.name, `n${count}`))
  if (one.do === 'remove') simulator.remove(path, one.name)
  if (one.do === 'compact') simulator.compact()
  if (one.do === 'bookmark') simulator.bookmark()
  if (one.do === 'disconnect') simulator.disconnect()
  if (one.do === 'fault') simulator.fault({ when: places[one.at], status: one.status })
  if (one.do === 'cut') simulator.fault({ when: places[one.at], cut: true })
  for (const watch of simulator.watches) {
    if (one.do === 'end') watch.end()
    if (one.do === 'error') watch.fail(500, 'InternalError')
    if (one.do === 'half') {
      watch.write('{"type":"DELETED","object":{"metadata":{"name":"a","names')
      watch.cut()
    }
  }
  // Else all that a step does may still wait in a socket when the next comes, which is a case of its own.
  const { length } = simulator.seen
  if (one.do === 'settle') {
    await waitFor(
      () => simulator.watches.length === 1 || simulator.seen.length > length + 5,
      () => 'it does not go on',
    )
  }
}

interface Told {
  /** Key → uid and item. */
  readonly known: Map<string, string>
  /** What must not have been told. */
  readonly wrong: string[]
}

async function follow(client: Kubernetes, { known, wrong }: Told, live: () => ReadonlySet<string>): Promise<void> {
  for await (const one of client.listWatch({ path, project: holderOf }, new AbortController().signal)) {
    if (one.is === 'put') known.set(one.key, `${one.uid} ${one.item}`)
    if (one.is !== 'gone') continue
    if (live().has(one.uid)) wrong.push(`${one.key} is told gone and lives`)
    if (!known.get(one.key)?.startsWith(one.uid)) wrong.push(`${one.key} is told gone and was never told`)
    known.delete(one.key)
  }
}

/** What differs between what was told and what there is. */
function difference(simulator: Simulator, known: ReadonlyMap<string, string>): string[] {
  const there = new Map(
    simulator
      .objects(path)
      .map((object) => [`docs/${object.metadata.name}`, `${object.metadata.uid} ${holderOf(object)}`]),
  )
  return [...new Set([...there.keys(), ...known.keys()])]
    .filter((key) => there.get(key) !== known.get(key))
    .map((key) => `${key}: told ${known.get(key)}, is ${there.get(key)}`)
}

test('what was told comes to what there is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const simulator = await startSimulator()
      // Chance of 0.0001: back-offs of up to 3 ms, so that steps meet every stage of a recovery.
      const client = createKubernetes({ cluster: simulator.cluster(), clock: systemClock, random: () => 0.0001 })
      for (let n = 0; n < many; n++) simulator.put(path, lease(`n${n}`, 'x'))
      const told: Told = { known: new Map(), wrong: [] }
      const following = follow(
        client,
        told,
        () => new Set(simulator.objects(path).map((one) => one.metadata.uid ?? '')),
      )
      try {
        for (const [count, one] of steps.entries()) await take(one, simulator, count)
        simulator.put(path, lease('end', 'x'))
        await waitFor(
          () => told.known.has('docs/end') && difference(simulator, told.known).length === 0,
          () => difference(simulator, told.known).slice(0, 5).join('; '),
        )
        assert.deepEqual(told.wrong, [])
      } finally {
        await client.close()
        await following
        await simulator[Symbol.asyncDispose]()
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 15_000 },
  )
})
