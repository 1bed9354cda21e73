/** What the ledger tells of registries and builders, and what it forgets: on the engine, with ends made by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDropIn } from '../../../drop-in.ts'
import type { SyncSpec } from '../../../engine/engine.ts'
import { targets } from '../../../engine/tables.ts'
import type { Look, Entry, Trouble } from '../../../engine/source.ts'
import type { Target } from '../../../engine/target.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { moduleScope, placeOf, registryScope, type ModuleDocument } from '../../../registries/modules/drop-in.ts'
import { readBackends } from './backends.ts'
import { readKnown } from './known.ts'
import { createTidier } from './tidy.ts'

const sync = 'modules'
const start = Date.UTC(2026, 10, 21, 9)

function entry(registry: string, module: string, channel: string, version: string): Entry<ModuleDocument> {
  const item = { module, channel, version, archive: `sha256:${version}`, size: 10, registry }
  const note = { image: 'sha256:1', signed: false, described: true, critical: true }
  return { key: `${module}/${channel}`, digest: `${registry} ${version}`, label: version, item, note }
}

/** Registries r/a and r/b, and builders b:1 and b:2. */
async function ground() {
  const clock = createFakeClock({ start })
  const released = new Map<string, readonly Entry<ModuleDocument>[]>()
  const troubles: Trouble[] = []
  const away = new Set<string>()
  const listed = new Set(['b:1', 'b:2'])
  const target = (name: string): Target<ModuleDocument> => ({
    name,
    fingerprint: '1',
    traits: { repeat: 'safe', page: 10 },
    identity: () =>
      away.has(name) ? Promise.reject(new AppError('target.unavailable', 'nobody is there')) : Promise.resolve(name),
    async *apply({ changes }) {
      await Promise.resolve()
      for (const { key } of changes) yield [key, { is: 'applied' }]
    },
  })
  function look(scope: string): Look<Entry<ModuleDocument>> {
    const { base, module } = placeOf(scope)!
    if (away.has(base)) return { saw: 'unavailable', why: 'source-unavailable', detail: 'no answer' }
    if (module !== null) return { saw: 'complete', items: released.get(`${base} ${module}`)!, troubles }
    const modules = [...released.keys()].filter((key) => key.startsWith(`${base} `)).map((key) => key.split(' ')[1]!)
    const rank = base === 'r/a' ? 0 : 1
    return { saw: 'complete', items: [], children: modules.map((name) => ({ scope: moduleScope(base, name), rank })) }
  }
  const spec: SyncSpec<ModuleDocument> = {
    name: sync,
    registry: 'modules',
    source: {
      scopes: ['r/a', 'r/b'].map((base, rank) => ({ scope: registryScope(base), rank })),
      absence: 'vouched',
      look: ({ scope }) => Promise.resolve(look(scope)),
    },
    targets: { list: () => Promise.resolve({ saw: 'complete', targets: [...listed].map(target) }) },
    schedule: {},
    firstSight: 'overwrite',
    drift: 'repair',
  }
  const dropIn = await openDropIn({
    folder: null,
    specs: () => [spec as unknown as SyncSpec<never>],
    clock,
    logger: silentLogger,
    forgetful: () => {},
    busy: 'throw',
  })
  const { journal, engine } = dropIn
  return {
    clock,
    released,
    troubles,
    away,
    listed,
    journal,
    engine,
    pass: () => engine.pass(sync, { why: 'asked' }),
    known: async () => (await readKnown(journal, sync, ['r/a', 'r/b'])).registries,
    backends: () => readBackends(journal, sync, (name) => `address of ${name}`),
    [Symbol.asyncDispose]: () => dropIn.stop(),
  }
}

test('registries: what they release, what could not be read and since when', async () => {
  await using on = await ground()
  assert.deepEqual(await on.known(), [
    { registry: 'r/a', state: 'unknown', modules: [] },
    { registry: 'r/b', state: 'unknown', modules: [] },
  ])
  on.released.set('r/a console', [entry('r/a', 'console', 'alpha', 'v1')])
  on.released.set('r/a bare', [])
  await on.pass()
  const alpha = { channel: 'alpha', version: 'v1', archive: 'sha256:v1', size: 10, remarks: ['unsigned', 'critical'] }
  const bare = { module: 'bare', state: 'ok', empty: true, channels: [], troubles: [] }
  const console = { module: 'console', state: 'ok', empty: false, channels: [alpha], troubles: [] }
  assert.deepEqual((await on.known())[0], { registry: 'r/a', state: 'ok', modules: [bare, console] })

  await on.clock.advance(60_000)
  on.away.add('r/b')
  on.troubles.push({ key: 'console/beta', why: 'trouble', detail: 'no version.json' })
  await on.pass()
  await on.clock.advance(60_000)
  await on.pass()
  const since = '2026-11-21T09:01:00.000Z'
  const [a, b] = await on.known()
  assert.deepEqual(b, { registry: 'r/b', state: 'unavailable', detail: 'no answer', since, modules: [] })
  assert.deepEqual(a!.modules[1]!.troubles, [{ channel: 'beta', detail: 'no version.json' }])
  assert.deepEqual(a!.modules[1]!.channels, [alpha])
})

test('builders: what they are still to get, and since when they are away', async () => {
  await using on = await ground()
  on.released.set('r/a console', [entry('r/a', 'console', 'alpha', 'v1'), entry('r/a', 'console', 'beta', 'v1')])
  // Of no account: the same channel of another registry.
  on.released.set('r/b console', [entry('r/b', 'console', 'alpha', 'v9')])
  await on.pass()
  const held = { state: 'ok', buildOwed: false, delivered: 2, pending: 0, changes: [] }
  assert.deepEqual(await on.backends(), [
    { backend: 'address of b:1', target: 'b:1', ...held },
    { backend: 'address of b:2', target: 'b:2', ...held },
  ])
  on.away.add('b:2')
  on.released.set('r/a console', [entry('r/a', 'console', 'alpha', 'v2')])
  await on.clock.advance(60_000)
  await on.pass()
  await on.clock.advance(60_000)
  await on.pass()
  const [one, two] = await on.backends()
  assert.deepEqual(one, { backend: 'address of b:1', target: 'b:1', ...held, delivered: 1 })
  const { detail, changes, ...rest } = two!
  assert.deepEqual(rest, {
    backend: 'address of b:2',
    target: 'b:2',
    state: 'unavailable',
    since: '2026-11-21T09:01:00.000Z',
    buildOwed: false,
    delivered: 0,
    pending: 2,
  })
  assert.match(detail!, /nobody is there/)
  assert.deepEqual(changes, [
    { module: 'console', channel: 'alpha', version: 'v2', change: 'upload', state: 'pending' },
    { module: 'console', channel: 'beta', version: 'v1', change: 'delete', state: 'pending' },
  ])
})

test('a builder that left is remembered for a day, and archives of what is released are kept', async () => {
  await using on = await ground()
  const swept: ReadonlySet<string>[] = []
  const archives = {
    sweep(keep: ReadonlySet<string>) {
      swept.push(keep)
      return Promise.resolve({ archives: 0, slices: 0, temporary: 0, bytes: 0 })
    },
  }
  const said: string[] = []
  const log = Object.assign((_: string, message: string) => void said.push(message), { named: () => log })
  const tidy = createTidier({ sync, journal: on.journal, engine: on.engine, archives, clock: on.clock, log })
  const names = async () => (await on.journal.select(targets, { where: { sync } })).map(({ target }) => target)
  on.released.set('r/a console', [entry('r/a', 'console', 'alpha', 'v1')])
  await on.pass()
  on.listed.delete('b:2')
  await on.pass()
  await tidy()
  await tidy()
  assert.deepEqual(swept, [new Set(['sha256:v1'])])
  await on.clock.advance(86_400_000 - 1)
  await tidy()
  assert.deepEqual(await names(), ['b:1', 'b:2'])
  await on.clock.advance(3_600_000)
  await tidy()
  assert.deepEqual(await names(), ['b:1'])
  assert.ok(said.includes('a builder that left is forgotten'))
})
