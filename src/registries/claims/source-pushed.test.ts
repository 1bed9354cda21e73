import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import type { Ask, Entry, Look, Same } from '../../engine/source.ts'
import { engineTables } from '../../engine/tables.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { sourceContract } from '../../engine/testing/source-contract.ts'
import { silentLogger as logger } from '../../kernel/logger.ts'
import type { Table } from '../../kernel/table.ts'
import type { ClaimStatus } from './model.ts'
import { createPushedSource } from './source-pushed.ts'
import { createStaleness } from './statuses/staleness.ts'
import { pushed } from './statuses/judge.ts'
import type { Told } from './statuses/told.ts'
import { createStatuses } from './statuses/statuses.ts'
import { claimClusters, claimStatuses } from './tables.ts'

const sync = 's'
const tables = [...engineTables, claimStatuses, claimClusters] as unknown as readonly Table[]
const minute = 60_000

function ground(start = 1_800_000_000_000) {
  const clock = createFakeClock({ start })
  const journal = createMemoryJournal({ tables, clock, logger })
  const open = (after: number | null = null) => {
    const since = clock.now()
    const limits = { claims: 1000, clusters: 100, message: 65_536 }
    const statuses = createStatuses({ sync, journal, limits, since })
    const staleness = after === null ? null : createStaleness({ sync, journal, statuses, clock, logger, after, since })
    const source = createPushedSource({ journal, clock, statuses, staleness, gather: 0 })
    const tell = (claimRef: string, message: string | null, cluster = 'c') =>
      statuses.tell([told(cluster, claimRef, message)], 'me', clock.now())
    return { statuses, staleness, source, tell }
  }
  return { clock, journal, open }
}

const told = (cluster: string, claimRef: string, message: string | null): Told => {
  return { cluster, claimRef, object: null, message, health: null, observedAt: null, generation: null }
}

sourceContract('pushed statuses', async () => {
  const { open } = ground()
  const { source, tell } = open()
  let count = 0
  const add = async () => {
    count += 1
    await tell(`r${count}`, 'm')
    return `c/r${count}`
  }
  const refOf = (key: string) => key.slice(2)
  await add()
  await add()
  return {
    source,
    scope: pushed,
    add,
    edit: async (key) => void (await tell(refOf(key), `edited ${(count += 1)}`)),
    remove: async (key) => void (await tell(refOf(key), null)),
    close: () => Promise.resolve(),
  }
})

const ask = (mark?: string): Ask => ({
  scope: pushed,
  ...(mark !== undefined && { mark }),
  known: () => Promise.resolve(new Map()),
})

/** Message and health by key, and the mark. */
function seen(look: Look<Entry<ClaimStatus> | Same>): [Record<string, string>, string | undefined] {
  if (look.saw === 'unchanged') return [{}, undefined]
  assert.ok(look.saw === 'delta' || look.saw === 'complete')
  const items = look.items as readonly Entry<ClaimStatus>[]
  return [Object.fromEntries(items.map(({ key, item }) => [key, `${item.health}: ${item.message}`])), look.mark]
}

describe('a cluster that is silent', () => {
  it('has its claims told as unknown, and as they are when it is heard again', async () => {
    const { clock, open } = ground()
    const { source, tell } = open(10 * minute)
    const signal = new AbortController().signal
    await tell('r', 'fine')
    await tell('r', 'fine', 'd')
    const [, first] = seen(await source.look(ask(), signal))
    await clock.advance(9 * minute)
    await tell('r', 'fine', 'd')
    assert.deepEqual(await source.look(ask(first), signal), { saw: 'unchanged' })
    await clock.advance(minute)
    const [unknown, second] = seen(await source.look(ask(first), signal))
    assert.deepEqual(unknown, {
      'c/r': 'unknown: Nothing heard of this cluster since 2027-01-15T08:00:00Z; before: fine',
    })
    assert.deepEqual(await source.look(ask(second), signal), { saw: 'unchanged' })
    // What is told again is no news to the ledger, and is to the loop.
    await tell('r', 'fine')
    assert.deepEqual(seen(await source.look(ask(second), signal))[0], { 'c/r': 'null: fine' })
  })

  it('stays so over a restart, while others are given time to be heard', async () => {
    const { clock, open } = ground()
    const signal = new AbortController().signal
    const before = open(10 * minute)
    await before.tell('r', 'fine')
    await before.tell('r', 'fine', 'd')
    await clock.advance(9 * minute)
    await before.tell('r', 'fine', 'd')
    await clock.advance(2 * minute)
    const [, mark] = seen(await before.source.look(ask(), signal))
    await clock.advance(60 * minute)
    const after = open(10 * minute)
    assert.deepEqual(await after.source.look(ask(mark), signal), { saw: 'unchanged' })
    await clock.advance(10 * minute)
    assert.deepEqual(Object.keys(seen(await after.source.look(ask(mark), signal))[0]), ['d/r'])
  })

  it('is known to have spoken by those who did not hear it', async () => {
    const { clock, open, journal } = ground()
    const signal = new AbortController().signal
    const [one, other] = [open(10 * minute), open(10 * minute)]
    await one.tell('r', 'fine')
    const [, mark] = seen(await other.source.look(ask(), signal))
    await clock.advance(8 * minute)
    await one.tell('r', 'fine')
    const stop = new AbortController()
    const running = one.staleness!.run(stop.signal)
    await clock.advance(2.5 * minute)
    assert.deepEqual(await other.source.look(ask(mark), signal), { saw: 'unchanged' })
    assert.equal((await journal.head()).seq, 1)
    stop.abort()
    await clock.advance(minute)
    await running
  })
})

describe('what was sent', () => {
  it('is let go a week after it was gone, once the loop has heard of that', async () => {
    const { open, clock, journal } = ground()
    const signal = new AbortController().signal
    const { source, tell, statuses } = open()
    await tell('r', 'm')
    await tell('other', 'm', 'd')
    const [, first] = seen(await source.look(ask(), signal))
    await tell('r', null)
    await clock.advance(8 * 86_400_000)
    const rows = async () => (await journal.select(claimStatuses, { where: { sync } })).map(({ key }) => key)
    const look = await source.look(ask(first), signal)
    assert.deepEqual(look.saw === 'delta' && look.gone, ['c/r'])
    assert.deepEqual(await rows(), ['c/r', 'd/other'])
    await clock.advance(2 * 3_600_000)
    assert.deepEqual(await source.look(ask(look.saw === 'delta' ? look.mark : ''), signal), { saw: 'unchanged' })
    assert.deepEqual(await rows(), ['d/other'])
    assert.deepEqual([...(await statuses.clusters()).keys()], ['d'])
    assert.deepEqual(Object.keys(seen(await open().source.look(ask(), signal))[0]), ['d/other'])
    await tell('r', 'again')
    assert.deepEqual(await rows(), ['c/r', 'd/other'])
  })

  it('is hinted at', async () => {
    const { open, clock } = ground()
    const { source, tell } = open()
    const stop = new AbortController()
    const hints = source.hints!(stop.signal)[Symbol.asyncIterator]()
    const next = hints.next()
    await clock.advance(1)
    await tell('r', 'm')
    await clock.advance(1)
    assert.deepEqual(await next, { value: { scope: pushed }, done: false })
    stop.abort()
  })
})
