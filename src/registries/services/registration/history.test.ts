import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { openSqliteJournal } from '../../../database/sqlite/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import type { Trigger } from '../lifecycle.ts'
import { refText, type ServiceRef, type ServiceType } from '../model.ts'
import { services } from '../tables.ts'
import type { Asked, Edit } from './registrations.ts'
import { createNaive } from './testing-naive.ts'
import { agree, replay } from './testing-replay.ts'
import { admin, agent, checker, day, poller, registrationsOn, type RegistrationsUnderTest } from './testing.ts'

type Operation =
  | { readonly do: 'register'; readonly asked: readonly Asked[]; readonly implicit: boolean }
  | {
      readonly do: 'transit'
      readonly ref: ServiceRef
      readonly trigger: Exclude<Trigger, 'silence'>
      readonly cascade: boolean
      readonly force: boolean
    }
  | { readonly do: 'transitAll'; readonly refs: readonly ServiceRef[]; readonly trigger: Trigger }
  | { readonly do: 'edit'; readonly ref: ServiceRef; readonly edit: Edit }

const ids: Readonly<Record<ServiceType, readonly string[]>> = {
  poller: ['p', 'q'],
  agent: ['a', 'b', 'c'],
  checker: ['x', 'y', 'z'],
}
const one = (type: ServiceType) => fc.constantFrom(...ids[type])
const type = fc.constantFrom<ServiceType>('poller', 'agent', 'checker')
const ref = type.chain((of) => one(of).map((id): ServiceRef => ({ type: of, id })))
const more = fc.record({
  metadata: fc.constantFrom({}, {}, { site: 'x' }),
  interval: fc.constantFrom(null, null, 5_000),
})
const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.tuple(one('poller'), more).map(([id, other]) => poller(id, other)),
  fc.tuple(one('agent'), one('poller'), more).map(([id, up, other]) => agent(id, up, other)),
  fc.tuple(one('checker'), one('agent'), more).map(([id, up, other]) => checker(id, up, other)),
)
const edit: fc.Arbitrary<Edit> = fc.oneof(
  more.map(({ metadata }) => ({ metadata })),
  fc.record({ interval: fc.constantFrom(null, 5_000, 9_000) }),
)
const triggers = [
  'heartbeat',
  'heartbeat',
  'deactivate',
  'activate',
  'revoke',
  'delete',
  'undelete',
  'archive',
  'purge',
] as const
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('register' as const),
      asked: fc.array(asked, { minLength: 1, maxLength: 6 }),
      implicit: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('transit' as const),
      ref,
      trigger: fc.constantFrom(...triggers),
      cascade: fc.boolean(),
      force: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('transitAll' as const),
      refs: fc.array(ref, { minLength: 1, maxLength: 5 }),
      trigger: fc.constantFrom<Trigger>('heartbeat', 'silence', 'purge'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('edit' as const), ref, edit }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(one('agent'), one('poller'))
      .map(([id, parent]) => ({ do: 'edit' as const, ref: { type: 'agent' as const, id }, edit: { parent } })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(one('checker'), one('agent'))
      .map(([id, parent]) => ({ do: 'edit' as const, ref: { type: 'checker' as const, id }, edit: { parent } })),
  },
)

/** What it answered, as the naive ones say it. */
async function run(
  { registrations, slotOf }: RegistrationsUnderTest,
  operation: Operation,
  at: number,
): Promise<string | string[]> {
  if (operation.do === 'register') {
    const { implicit } = operation
    const all = implicit ? operation.asked.map((some): Asked => ({ ...some, source: 'implicit' })) : operation.asked
    const results = await registrations.register(
      all,
      implicit ? { actor: 'system' } : admin,
      at,
      implicit ? at : undefined,
    )
    return results.map((result) => (result instanceof AppError ? result.code : result.result))
  }
  if (operation.do === 'transitAll') {
    const slots = operation.refs.map(slotOf).filter((slot) => slot !== -1)
    const names = new Map(slots.map((slot) => [slot, refText(registrations.refOf(slot))]))
    const by = operation.trigger === 'purge' ? admin : { actor: 'system' }
    const done = await registrations.transitAll(slots, operation.trigger, { ...by, at })
    return done.map((slot) => names.get(slot)!)
  }
  const slot = slotOf(operation.ref)
  if (slot === -1) return 'none'
  try {
    if (operation.do === 'edit') return (await registrations.edit(slot, operation.edit, admin, at)).result
    const { trigger, cascade, force } = operation
    const by = trigger === 'heartbeat' ? { actor: 'system' } : admin
    const done = await registrations.transit(slot, trigger, { ...by, at, cascade, force })
    return done.is === 'same' ? 'same' : `done ${done.slots.length}`
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown
    return operation.do === 'edit' ? thrown.code : ((thrown.data['why'] as string | undefined) ?? thrown.code)
  }
}

function naiveAnswer(naive: ReturnType<typeof createNaive>, operation: Operation, at: number): string | string[] {
  if (operation.do === 'register') {
    const { implicit } = operation
    return naive.register(
      implicit ? operation.asked.map((some): Asked => ({ ...some, source: 'implicit' })) : operation.asked,
      implicit,
    )
  }
  if (operation.do === 'transitAll') return naive.transitAll(operation.refs, operation.trigger, at)
  if (operation.do === 'edit') return naive.edit(operation.ref, operation.edit)
  return naive.transit(operation.ref, operation.trigger, { at, cascade: operation.cascade, force: operation.force })
}

const memory = () => createMemoryJournal({ clock: createFakeClock({ start: 1_000_000 }), tables: [services] })

type Fault = 'fine' | 'none' | 'lost' | 'unknown'

/** Fails some commits: before they are written, or after, when nobody can tell. Answers come late, and out of order. */
function faulty(journal: Journal, faults: readonly Fault[], ticks: readonly number[], shared = false) {
  let commits = 0
  let waits = 0
  let on = true
  const late = async () => {
    for (let n = ticks[waits++ % ticks.length]!; n > 0; n -= 1) await Promise.resolve()
  }
  const commit: Journal['commit'] = async (facts, options) => {
    const fault = on ? faults[commits++ % faults.length] : 'fine'
    if (fault === 'none') throw new AppError('journal.full', 'no space')
    if (fault === 'lost') throw new AppError('journal.unavailable', 'broke', { data: { effect: 'unknown' } })
    const results = await journal.commit(facts, options)
    await late()
    if (fault === 'unknown') throw new AppError('journal.unavailable', 'broke', { data: { effect: 'unknown' } })
    return results
  }
  const select: Journal['select'] = async (table, query) => {
    await late()
    const rows = await journal.select(table, query)
    await late()
    return rows
  }
  const off = () => {
    on = false
  }
  return { journal: { ...journal, commit, select, ...(shared && { shared }) } as Journal, off }
}

async function sequentially(
  journal: Journal,
  operations: readonly Operation[],
  restarts: readonly boolean[],
): Promise<void> {
  let world = registrationsOn(journal)
  await world.registrations.load()
  const naive = createNaive(7 * day)
  for (const [n, next] of operations.entries()) {
    if (restarts[n % restarts.length]) {
      world = registrationsOn(journal)
      await world.registrations.load()
    }
    const at = 2_000_000 + n * day
    const said = await run(world, next, at)
    const expected = naiveAnswer(naive, next, at)
    assert.deepEqual(
      Array.isArray(said) && next.do === 'transitAll' ? said.toSorted() : said,
      Array.isArray(expected) && next.do === 'transitAll' ? expected.toSorted() : expected,
      JSON.stringify(next),
    )
    for (const id of ids.poller) assert.equal(world.isKnown(id), naive.isKnown(id), JSON.stringify(next))
  }
  const rows = await journal.select(services)
  assert.deepEqual(
    Object.fromEntries(
      rows.map((row) => [refText(row), [row.status, row.parent, row.source, row.metadata, row.interval]]),
    ),
    naive.table(),
  )
  await agree(journal, [world.roster])
}

const operations = (most: number) => fc.array(operation, { minLength: 1, maxLength: most })

test('I7: one after the other: known is who is pending, active or inactive, and all is as naive ones would answer, over restarts', async () => {
  await fc.assert(
    fc.asyncProperty(operations(40), fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), (some, restarts) =>
      sequentially(memory(), some, restarts),
    ),
    { numRuns: 300 },
  )
})

test('one after the other, on SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-registration-'))
  let n = 0
  try {
    await fc.assert(
      fc.asyncProperty(operations(25), async (some) => {
        n += 1
        const clock = createFakeClock({ start: 1_000_000 })
        const journal = await openSqliteJournal({
          path: join(folder, `${n}.db`),
          tables: [services],
          clock,
          logger: silentLogger,
          threads: 0,
        })
        try {
          await sequentially(journal, some, [false, true])
        } finally {
          await journal.close()
        }
      }),
      { numRuns: 15 },
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

const groups = fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 10 })
const fault = fc.constantFrom<Fault>('fine', 'fine', 'fine', 'fine', 'none', 'lost', 'unknown')
const faults = fc.array(fault, { minLength: 1, maxLength: 9 })
const ticks = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 7 })

/** Journal faults are answers, too. */
async function runAny(world: RegistrationsUnderTest, operation: Operation, at: number): Promise<void> {
  try {
    await run(world, operation, at)
  } catch (thrown) {
    if (!(thrown instanceof AppError) || !thrown.code.startsWith('journal.')) throw thrown
  }
}

test('I1, I2, I3, I5, I7: at once, with faults: the events tell one lawful story, which is the table and memory', async () => {
  await fc.assert(
    fc.asyncProperty(groups, faults, ticks, async (some, failing, late) => {
      const base = memory()
      const { journal, off } = faulty(base, failing, late)
      const world = registrationsOn(journal)
      for (const [n, group] of some.entries()) {
        await Promise.all(group.map((next) => runAny(world, next, 2_000_000 + n)))
      }
      off()
      // A last change of each: whatever was doubted is read again before it.
      await world.registrations.register([poller('last')], admin, 1)
      const next = registrationsOn(base)
      await next.registrations.load()
      await agree(base, [world.roster, next.roster])
    }),
    { numRuns: 300 },
  )
})

test('I2: two processes on one ledger, with faults: both come to know the same lawful story', async () => {
  await fc.assert(
    fc.asyncProperty(groups, groups, faults, ticks, async (left, right, failing, late) => {
      const base = memory()
      const one = faulty(base, failing, late, true)
      const two = faulty(base, ['fine'], [1], true)
      const worlds = [registrationsOn(one.journal), registrationsOn(two.journal)] as const
      const play = async (world: RegistrationsUnderTest, some: readonly (readonly Operation[])[]) => {
        for (const [n, group] of some.entries()) {
          await Promise.all(group.map((next) => runAny(world, next, 2_000_000 + n)))
          if (n % 2 === 0) await world.registrations.follow()
        }
      }
      await Promise.all([play(worlds[0], left), play(worlds[1], right)])
      one.off()
      for (const { registrations } of worlds) {
        await registrations.register([poller('last')], admin, 1)
        await registrations.follow()
      }
      await agree(
        base,
        worlds.map(({ roster }) => roster),
        true,
      )
    }),
    { numRuns: 300 },
  )
})

test('the story test finds what is wrong', () => {
  const event = (seq: number, what: string, key: string, data: object) => ({
    seq,
    at: 1,
    type: `service.${what}`,
    key,
    actor: 'system',
    data: data as never,
  })
  const first = event(1, 'registered', 'poller/p', {})
  assert.throws(() => replay([first, event(2, 'registered', 'poller/p', {})]), /registered twice/)
  assert.throws(
    () => replay([event(1, 'registered', 'agent/a', { poller_id: 'p' })]),
    /its parent poller\/p is undefined/,
  )
  const revoked = event(2, 'revoked', 'poller/p', { from: 'pending', to: 'revoked' })
  assert.throws(() => replay([first, revoked, event(3, 'restored', 'poller/p', { from: 'revoked', to: 'pending' })]))
})
