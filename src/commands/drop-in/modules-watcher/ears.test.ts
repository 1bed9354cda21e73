import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ask, Entry, Look, Source } from '../../../engine/source.ts'
import type { Batch, Target, TargetList } from '../../../engine/target.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { moduleScope, registryScope, type ModuleDocument } from '../../../registries/modules/drop-in.ts'
import { createEars } from './ears.ts'
import { createLog } from './log.ts'

function ground() {
  const clock = createFakeClock()
  const lines: string[] = []
  const counts: [number, number][] = []
  const changed: number[] = []
  const out = (text: string) => void lines.push(text.slice(text.indexOf(' ') + 1).trimEnd())
  const ears = createEars({
    log: createLog({ out, env: { LOG_LEVEL: 'debug' } }, clock),
    addressOf: (target) => `${target}:8081`,
    backends: (count, added) => void counts.push([count, added]),
    passed: (count) => void changed.push(count),
  })
  return { clock, ears, counts, changed, said: () => lines.splice(0) }
}

type Looked = Look<Entry<ModuleDocument>>

const ask = (scope: string): Ask => ({ scope, known: () => Promise.resolve(new Map()) })
const sourceOf = (look: () => Promise<Looked>): Source<ModuleDocument> => ({ scopes: [], absence: 'vouched', look })
const never = new AbortController().signal

const entry = (channel: string, version: string): Entry<ModuleDocument> => {
  const item = { module: 'm', channel, version, archive: 'sha256:1', size: 1, registry: 'r/a' }
  return { key: `m/${channel}`, digest: version, label: version, item }
}

async function lookAt(on: ReturnType<typeof ground>, scope: string, looked: Looked): Promise<string[]> {
  const found = await on.ears.source(sourceOf(() => Promise.resolve(looked))).look(ask(scope), never)
  if (found.saw === 'complete') for await (const _ of found.items) void _
  return on.said()
}

test('what is said of a scan', async () => {
  const on = ground()
  const name = "registry='r/a'"
  const down: Looked = { saw: 'unavailable', why: 'source-unavailable', detail: 'no answer' }
  const children = [{ scope: moduleScope('r/a', 'm') }]
  assert.deepEqual(await lookAt(on, registryScope('r/a'), { saw: 'complete', items: [], children }), [
    "INFO logger=registry-scanner msg='start scanning registries'",
    `DEBUG logger=registry-scanner msg='found modules' modules='1' ${name}`,
  ])
  assert.deepEqual(await lookAt(on, registryScope('r/b'), down), [
    "ERROR logger=registry-scanner msg='registry is unavailable' error='no answer' registry='r/b'",
  ])
  const processing = `DEBUG logger=registry-scanner msg='processing module' module='m' ${name}`
  assert.deepEqual(await lookAt(on, moduleScope('r/a', 'm'), down), [
    processing,
    `ERROR logger=registry-scanner msg='failed to list tags' error='no answer' module='m' ${name}`,
  ])
  const troubles = [{ key: 'm/beta', why: 'trouble', detail: 'no version.json' }]
  const items = [entry('alpha', 'v1'), entry('stable', 'v1'), entry('early-access', 'v2')]
  const said = await lookAt(on, moduleScope('r/a', 'm'), { saw: 'complete', items, troubles })
  assert.deepEqual(
    said.filter((line) => !line.startsWith('DEBUG')),
    [
      `ERROR logger=registry-scanner msg='failed to process release channel' channel='beta' error='no version.json' module='m' ${name}`,
      "INFO logger=registry-scanner msg='received a new module version, processing...' module='m' version='v1'",
      "INFO logger=registry-scanner msg='received a new module version, processing...' module='m' version='v2'",
    ],
  )
  on.ears.logger.info({ appeared: 2, changed: 1, gone: 4 }, 'pass')
  assert.equal(
    on.said()[0],
    "INFO logger=registry-scanner msg='module versions changed in registry' create='3' delete='4'",
  )
  assert.deepEqual(await lookAt(on, registryScope('r/b'), { saw: 'unchanged' }), [
    "INFO logger=registry-scanner msg='start scanning registries'",
  ])
  on.ears.logger.info({ appeared: 0, changed: 0, gone: 0 }, 'pass')
  assert.deepEqual([on.said().length, on.changed], [1, [7, 0]])
})

function builder(name: string, batches: Batch<ModuleDocument>[] = []): Target<ModuleDocument> {
  return {
    name,
    fingerprint: '1',
    traits: { repeat: 'safe', page: 10 },
    identity: () => Promise.resolve(name),
    async *apply(batch) {
      await Promise.resolve()
      batches.push(batch)
      yield* []
    },
  }
}

test('builders come and go: by who they are, and not while the list cannot be read', async () => {
  const on = ground()
  let list: TargetList<ModuleDocument>
  const set = on.ears.targets({ list: () => Promise.resolve(list) })
  const tell = async (next: TargetList<ModuleDocument>) => {
    list = next
    const told = await set.list(never)
    return { lines: on.said(), targets: told.targets ?? [] }
  }
  const [one, two, other] = [builder('one'), builder('two'), builder('two')]
  const added = (name: string) => `INFO msg='Adding backend' backend='${name}:8081' target='${name}'`
  const removed = (name: string) => `INFO msg='Removing backend' backend='${name}:8081' target='${name}'`
  const first = await tell({ saw: 'complete', targets: [one, two] })
  assert.deepEqual(first.lines, [added('one'), added('two')])
  const again = await tell({ saw: 'complete', targets: [one, two] })
  assert.deepEqual(again.lines, [])
  assert.equal(again.targets[0], first.targets[0])
  assert.deepEqual((await tell({ saw: 'unavailable', detail: 'x' })).lines, [])
  assert.deepEqual((await tell({ saw: 'unavailable', detail: 'x', targets: [other] })).lines, [
    removed('two'),
    added('two'),
  ])
  assert.deepEqual((await tell({ saw: 'complete', targets: [other] })).lines, [removed('one')])
  assert.deepEqual(on.counts, [
    [2, 2],
    [2, 0],
    [2, 0],
    [2, 1],
    [1, 0],
  ])
})
