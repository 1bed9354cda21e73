/** The reading half of the journal port as SQL, for both databases. */
import { AppError } from '../kernel/errors.ts'
import type { ColumnType } from '../kernel/table.ts'
import type { EventQuery, Query, Where } from '../engine/journal.ts'
import { encodeCell, type Cell, type Shape } from './cells.ts'
import { eventColumns } from './chain.ts'
import { afterPrefix } from './text-order.ts'

export interface Statement<P> {
  readonly text: string
  readonly values: readonly P[]
}

/** Where the databases differ: how a value, and a list of values, is bound. */
export interface Dialect<P> {
  /** The parameter's name and the value to bind. `at` counts from 1. */
  value(at: number, type: ColumnType, cell: Cell): { readonly text: string; readonly value: P }
  /** What follows the column: ` IN (…)`. */
  list(at: number, type: ColumnType, cells: readonly Cell[]): { readonly text: string; readonly value: P }
  /** Appended to an ascending order column that may be null, so that null comes first. */
  readonly nullsFirst: string
  /** The noun of an event's type, exactly as its index has it. */
  readonly noun: string
  /** Where events are found by key through a bucket: that of the key. */
  bucketOf?(key: string): number
  /** Where events are found by sync, type and noun through the blocks that hold them: the name of such blocks. */
  whatOf?(kind: 'sync' | 'type' | 'noun', value: string): string
}

interface Binder<P> {
  readonly values: P[]
  bind(type: ColumnType, cell: Cell): string
  bindList(type: ColumnType, cells: readonly Cell[]): string
}

function binder<P>(dialect: Dialect<P>): Binder<P> {
  const values: P[] = []
  const push = ({ text, value }: { text: string; value: P }) => {
    values.push(value)
    return text
  }
  return {
    values,
    bind: (type, cell) => push(dialect.value(values.length + 1, type, cell)),
    bindList: (type, cells) => push(dialect.list(values.length + 1, type, cells)),
  }
}

/** Answers the declared columns in order, then seq. */
export function selectSql<R, P>(shape: Shape, query: Query<R>, dialect: Dialect<P>): Statement<P> {
  const binds = binder(dialect)
  const without: readonly string[] = query.without ?? []
  const columns = [...shape.columns, 'seq'].map((name) => (without.includes(name) ? 'NULL' : quote(name)))
  const key = shape.keyAt.map((at) => shape.columns[at]!)
  const conditions = whereSql(shape, query.where, binds)
  const { order, after } = unfixed(query.where ?? {}, query.order ?? key, query.after)
  if (after) {
    const bound = order.map((name, at) => binds.bind(typeOf(shape, name), after[at]!))
    conditions.push(order.length === 0 ? 'false' : `(${order.map(quote).join(', ')}) > (${bound.join(', ')})`)
  }
  const orderBy = order.map((name) => quote(name) + (key.includes(name) || name === 'seq' ? '' : dialect.nullsFirst))
  return {
    text: [
      `SELECT ${columns.join(', ')} FROM ${quote(shape.name)}`,
      ...clause('WHERE', conditions, ' AND '),
      ...clause('ORDER BY', orderBy, ', '),
      ...limitSql(query.limit),
    ].join(' '),
    values: binds.values,
  }
}

/**
 * Order without the columns that `where` fixes to one value. They say nothing, and keep SQLite from the
 * index that serves the rest (it reads no further than `sync = ?` for a row value that begins with sync).
 */
function unfixed(
  fixed: Readonly<Record<string, unknown>>,
  order: readonly string[],
  after: readonly (string | number)[] | undefined,
) {
  const kept = [...order.keys()].filter((at) => {
    const value = fixed[order[at]!]
    const given = typeof value === 'string' || typeof value === 'number'
    return !given || (after !== undefined && after[at] !== value)
  })
  return { order: kept.map((at) => order[at]!), after: after && kept.map((at) => after[at]!) }
}

/** Answers the `by` columns, then the count. */
export function countSql<R, P>(
  shape: Shape,
  where: Where<R> | undefined,
  by: readonly string[],
  dialect: Dialect<P>,
): Statement<P> {
  const binds = binder(dialect)
  const text = [
    `SELECT ${[...by.map(quote), 'count(*)'].join(', ')} FROM ${quote(shape.name)}`,
    ...clause('WHERE', whereSql(shape, where, binds), ' AND '),
    ...clause('GROUP BY', by.map(quote), ', '),
  ].join(' ')
  return { text, values: binds.values }
}

/** Answers the columns of table `event` in order. */
export function eventsSql<P>(query: EventQuery, dialect: Dialect<P>): Statement<P> {
  const binds = binder(dialect)
  const conditions = blocksSql(query, binds, dialect)
  const throughBlocks = conditions.length > 0
  if (query.after !== undefined) conditions.push(`"seq" > ${binds.bind('int', query.after)}`)
  if (query.before !== undefined) conditions.push(`"seq" < ${binds.bind('int', query.before)}`)
  for (const name of ['sync', 'target', 'key'] as const) {
    const value = query[name]
    if (value !== undefined) conditions.push(`${quote(name)} = ${binds.bind('text', value)}`)
  }
  if (query.key !== undefined && dialect.bucketOf) {
    conditions.push(`"bucket" = ${binds.bind('int', dialect.bucketOf(query.key))}`)
  }
  if (query.type?.endsWith('.')) conditions.push(`${dialect.noun} = ${binds.bind('text', query.type.slice(0, -1))}`)
  else if (query.type !== undefined) conditions.push(`"type" = ${binds.bind('text', query.type)}`)
  if (query.since !== undefined) {
    // Clocks step back now and then: the first block that is recent enough bounds the search, the
    // time of each event decides.
    const since = binds.bind('int', query.since)
    conditions.push(`"at" >= ${since}`)
    const again = binds.bind('int', query.since)
    conditions.push(`"seq" >= (SELECT min("first") FROM "block" WHERE "at" >= ${again})`)
  }
  const down = query.last ? ' DESC' : ''
  const text = [
    `SELECT ${eventColumns.map(quote).join(', ')} FROM`,
    // A cross join keeps this order: blocks first, and no sorting.
    throughBlocks ? `"block_holds" AS b CROSS JOIN "event" ON "seq" BETWEEN b."first" AND b."last"` : '"event"',
    ...clause('WHERE', conditions, ' AND '),
    `ORDER BY ${throughBlocks ? `b."last"${down}, ` : ''}"seq"${down}`,
    ...limitSql(query.limit),
  ].join(' ')
  return { text, values: binds.values }
}

/** Which blocks hold what is asked for; nothing where events themselves are indexed by it. */
function blocksSql<P>(query: EventQuery, binds: Binder<P>, { whatOf }: Dialect<P>): string[] {
  if (!whatOf || query.key !== undefined) return []
  const { type, sync } = query
  const whats = [
    ...(type === undefined ? [] : [type.endsWith('.') ? whatOf('noun', type.slice(0, -1)) : whatOf('type', type)]),
    ...(sync === undefined ? [] : [whatOf('sync', sync)]),
  ]
  if (whats.length === 0) return []
  const [first, ...others] = whats.map((what) => binds.bind('text', what))
  const conditions = [
    `b."what" = ${first}`,
    ...others.map(
      (what) => `EXISTS (SELECT 1 FROM "block_holds" AS o WHERE o."what" = ${what} AND o."last" = b."last")`,
    ),
  ]
  if (query.after !== undefined) conditions.push(`b."last" > ${binds.bind('int', query.after)}`)
  if (query.before !== undefined) conditions.push(`b."first" < ${binds.bind('int', query.before)}`)
  if (query.since !== undefined) {
    conditions.push(`b."last" >= (SELECT min("first") FROM "block" WHERE "at" >= ${binds.bind('int', query.since)})`)
  }
  return conditions
}

function whereSql<R, P>(shape: Shape, where: Where<R> | undefined, binds: Binder<P>): string[] {
  return Object.entries(where ?? {}).flatMap(([name, filter]) => {
    if (filter === undefined) return []
    const type = typeOf(shape, name)
    const cell = (value: unknown) => encodeFilter(shape, name, value)
    if (filter === null) return [`${quote(name)} IS NULL`]
    if (typeof filter === 'object') {
      if ('in' in filter) return [quote(name) + binds.bindList(type, (filter.in as unknown[]).map(cell))]
      if ('above' in filter) return [`${quote(name)} > ${binds.bind(type, cell(filter.above))}`]
      if ('atMost' in filter) return [`${quote(name)} <= ${binds.bind(type, cell(filter.atMost))}`]
      if ('prefix' in filter) return prefixSql(name, String(filter.prefix), binds)
    }
    return [`${quote(name)} = ${binds.bind(type, cell(filter))}`]
  })
}

/** As a range, which an index serves. */
function prefixSql<P>(name: string, prefix: string, binds: Binder<P>): string[] {
  const end = afterPrefix(prefix)
  const from = `${quote(name)} >= ${binds.bind('text', prefix)}`
  return end === null ? [from] : [from, `${quote(name)} < ${binds.bind('text', end)}`]
}

function encodeFilter(shape: Shape, name: string, value: unknown): Cell {
  return name === 'seq' ? (value as number) : encodeCell(shape, columnAt(shape, name), value)
}

function typeOf(shape: Shape, name: string): ColumnType {
  return name === 'seq' ? 'int' : shape.types[columnAt(shape, name)]!
}

function columnAt(shape: Shape, name: string): number {
  const at = shape.columns.indexOf(name)
  if (at === -1) throw new AppError('internal', `${shape.name} has no column "${name}"`)
  return at
}

function limitSql(limit: number | undefined): string[] {
  if (limit === undefined) return []
  if (!Number.isSafeInteger(limit) || limit < 0) throw new AppError('internal', `limit ${limit} is no count`)
  return [`LIMIT ${limit}`]
}

function clause(word: string, parts: readonly string[], joint: string): string[] {
  return parts.length === 0 ? [] : [`${word} ${parts.join(joint)}`]
}

/** Names come from declared tables; doubled quotes keep this right for any name. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
