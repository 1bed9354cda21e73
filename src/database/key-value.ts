/**
 * Regista's own key-value store: the key-value port on the journal. The revision of a pair is the
 * position of its last event; a value that is already there keeps its revision and writes nothing.
 */
import { AppError } from '../kernel/errors.ts'
import type { KeyValue, KeyValueOperation, KeyValueTransaction, Pair, Snapshot, Written } from '../kernel/key-value.ts'
import { defineTable } from '../kernel/table.ts'
import {
  drop,
  put,
  type Committed,
  type Condition,
  type Fact,
  type Journal,
  type Query,
  type Where,
} from '../engine/journal.ts'
import { watchKeys } from './key-value-watch.ts'

export interface KvRow {
  readonly key: string
  readonly value: Uint8Array
}

/** What is known of the database as a whole. */
export interface StoreRow {
  readonly name: 'identity'
  readonly value: string
}

export const kv = defineTable<KvRow>('kv', ['key'], { key: 'text', value: 'blob' })
export const stores = defineTable<StoreRow>('store', ['name'], { name: 'text', value: 'text' })

export const keyValueTables = [kv, stores] as const

/** Bounds what one transaction adds to the latency of the others. */
const limits = { operations: 1000, bytes: 4 * 1024 * 1024 } as const

export interface KeyValueOptions {
  readonly journal: Journal
  /** crypto.randomUUID outside tests. */
  readonly newId: () => string
}

/** Closing it leaves the journal open. What the journal throws passes unchanged. */
export function createKeyValue({ journal, newId }: KeyValueOptions): KeyValue {
  let identity: Promise<string> | null = null
  return {
    limits,
    identity(signal) {
      stopIf(signal)
      identity ??= readIdentity(journal, newId).catch((error: unknown) => {
        identity = null
        throw error
      })
      return identity
    },
    range(ask, signal) {
      stopIf(signal)
      return range(journal, ask)
    },
    async write(transaction, signal) {
      stopIf(signal)
      check(transaction)
      const others = otherGuards(transaction)
      const guards = others.length === 0 ? [] : await guardFacts(journal, others)
      if (guards === 'conflict') return 'conflict'
      const revisions = new Map(transaction.guards.map(({ key, revision }) => [key, revision]))
      const facts = transaction.operations.map((operation) =>
        factOf(operation, revisions.get(operation.key), transaction),
      )
      // A lone put is what the store mostly sees: no need to tell it to be atomic.
      const results = await journal.commit([...guards, ...facts], { atomic: guards.length + facts.length > 1 })
      if (results.includes('conflict')) return 'conflict'
      const [first] = results
      if (results.length === 1 && typeof first === 'number') return { revision: first }
      return written(journal, transaction.operations, results.slice(guards.length))
    },
    watch: (prefix, signal) => watchKeys(journal, prefix, signal),
    close: () => Promise.resolve(),
  }
}

async function readIdentity(journal: Journal, newId: () => string): Promise<string> {
  const known = await journal.get(stores, { name: 'identity' })
  if (known) return known.value
  const event = { type: 'store.created' }
  // Two replicas may start at once: the first one names it.
  await journal.commit([put(stores, { name: 'identity', value: newId() }, event, 'absent')])
  return (await journal.get(stores, { name: 'identity' }))!.value
}

async function range(
  journal: Journal,
  { prefix, keysOnly, after, limit, since }: Parameters<KeyValue['range']>[0],
): Promise<Snapshot> {
  // Read first: at worst it is older than the pairs, and the next look sees a change.
  const revision = await newestRevision(journal)
  const below: Where<KvRow> = prefix === '' ? {} : { key: { prefix } }
  const query: Query<KvRow> = {
    where: since === undefined ? below : { ...below, seq: { above: since } },
    ...(keysOnly && { without: ['value'] }),
    ...(after !== undefined && { after: [after] }),
    ...(limit !== undefined && { limit }),
  }
  const rows = await journal.select(kv, query)
  const pairs = rows.map(({ key, value, seq }): Pair => ({
    key,
    value: keysOnly ? new Uint8Array() : value,
    revision: seq,
    leased: false,
  }))
  const whole = since === undefined && after === undefined && limit === undefined
  const count = whole ? pairs.length : ((await journal.count(kv, below))[0]?.count ?? 0)
  return { revision: pairs.reduce((newest, pair) => Math.max(newest, pair.revision), revision), pairs, count }
}

/** Position of the last change of any key that history still knows of. */
async function newestRevision(journal: Journal): Promise<number> {
  const [last] = await journal.events({ type: 'kv.', last: true, limit: 1 })
  return last?.seq ?? 0
}

function check({ operations, guards }: KeyValueTransaction): void {
  const refuse = (why: string): never => {
    throw new AppError('target.refused', why, { data: { effect: 'none' } })
  }
  if (operations.length > limits.operations || guards.length > limits.operations) {
    refuse(`a transaction takes at most ${limits.operations} operations and as many guards`)
  }
  let bytes = 0
  const keys = new Set<string>()
  for (const operation of operations) {
    if (operation.key === '') refuse('a key must not be empty')
    if (keys.has(operation.key)) refuse(`key "${operation.key}" is written twice in one transaction`)
    keys.add(operation.key)
    bytes += Buffer.byteLength(operation.key) + (operation.op === 'put' ? operation.value.length : 0)
  }
  if (bytes > limits.bytes) refuse(`a transaction takes at most ${limits.bytes} bytes, not ${bytes}`)
}

function factOf(operation: KeyValueOperation, guard: number | undefined, { by }: KeyValueTransaction): Fact {
  const { key } = operation
  const when = guard === undefined ? undefined : conditionOf(guard)
  const about = { key, ...(by !== undefined && { actor: by }) }
  if (operation.op === 'delete') return drop(kv, { key }, { type: 'kv.deleted', ...about }, when)
  const { value } = operation
  return put(kv, { key, value }, { type: 'kv.put', ...about, data: { bytes: value.length } }, when)
}

function conditionOf(revision: number): Condition {
  return revision === 0 ? 'absent' : { seq: revision }
}

/** Guards of keys that are not written. */
function otherGuards({ guards, operations }: KeyValueTransaction): KeyValueTransaction['guards'] {
  if (guards.length === 0) return guards
  const mine = new Set(operations.map(({ key }) => key))
  return guards.filter(({ key }) => !mine.has(key))
}

/**
 * Such guards as facts that change nothing: the row as it is, or no row. The journal checks their
 * conditions in the same transaction.
 */
async function guardFacts(journal: Journal, others: KeyValueTransaction['guards']): Promise<Fact[] | 'conflict'> {
  const rows = await journal.select(kv, { where: { key: { in: others.map(({ key }) => key) } } })
  const byKey = new Map(rows.map((row) => [row.key, row]))
  const event = { type: 'kv.put' }
  const facts: Fact[] = []
  for (const { key, revision } of others) {
    const row = byKey.get(key)
    if ((row?.seq ?? 0) !== revision) return 'conflict'
    facts.push(
      row ? put(kv, { key, value: row.value }, event, conditionOf(revision)) : drop(kv, { key }, event, 'absent'),
    )
  }
  return facts
}

async function written(
  journal: Journal,
  operations: readonly KeyValueOperation[],
  results: readonly Committed[],
): Promise<Written> {
  const kept = operations.filter((operation, at) => operation.op === 'put' && results[at] === 'unchanged')
  const rows =
    kept.length === 0
      ? []
      : await journal.select(kv, { where: { key: { in: kept.map(({ key }) => key) } }, without: ['value'] })
  const keptAt = new Map(rows.map((row) => [row.key, row.seq]))
  const revisions = operations.map(({ op, key }, at) => {
    const result = results[at]
    if (op === 'delete') return 0
    return typeof result === 'number' ? result : (keptAt.get(key) ?? 0)
  })
  const seqs = results.filter((result) => typeof result === 'number')
  const newest = Math.max(0, ...revisions, ...seqs)
  return { revision: newest === 0 ? await newestRevision(journal) : newest, revisions }
}

function stopIf(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('aborted', 'call to the key-value store', { cause: signal.reason })
}
