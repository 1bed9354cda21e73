/** Whether history tells the whole story: every change of state has its event, and events explain every row. */
import type { Table } from '../../kernel/table.ts'
import type { CommitOptions, Event, Journal, Quiet, Stored } from '../journal.ts'
import { deliveries, engineTables, entries, holds, scopes, syncs, targets } from '../tables.ts'

type Row = Stored<Record<string, unknown>>

/** Columns that are state; the others are bookkeeping and may be written without an event. */
const stateOf: Readonly<Record<string, readonly string[]>> = {
  [syncs.name]: ['state'],
  [scopes.name]: ['state'],
  [entries.name]: ['state', 'digest'],
  [targets.name]: ['state', 'epoch', 'fingerprint'],
  [deliveries.name]: ['state', 'op', 'digest', 'want'],
  [holds.name]: ['state', 'subject'],
}

/** The states that a row can be in after an event of this type; `none`: there is no row. */
const after: Readonly<Record<string, readonly string[]>> = {
  'sync.appeared': ['active'],
  'sync.returned': ['active'],
  'sync.resumed': ['active'],
  'sync.paused': ['paused'],
  'sync.orphaned': ['orphaned'],
  'scope.appeared': ['ok'],
  'scope.recovered': ['ok'],
  'scope.returned': ['ok'],
  'scope.troubled': ['ok'],
  'scope.unavailable': ['unavailable'],
  'scope.gone': ['gone'],
  'scope.orphaned': ['orphaned'],
  'entry.appeared': ['live'],
  'entry.changed': ['live'],
  'entry.strayed': ['stray'],
  'entry.claimed': ['none'],
  // A tombstone that every target has passed is swept without a word.
  'entry.gone': ['gone', 'none'],
  'target.appeared': ['ok'],
  'target.changed': ['ok'],
  'target.recovered': ['ok'],
  'target.unavailable': ['unavailable'],
  'target.orphaned': ['orphaned'],
  'delivery.held': ['held'],
  'delivery.released': ['pending'],
  'delivery.sent': ['sending'],
  'delivery.applied': ['applied'],
  'delivery.removed': ['none'],
  'delivery.waiting': ['waiting'],
  'delivery.rejected': ['rejected'],
  'delivery.failed': ['failed'],
  'delivery.lost': ['unsure'],
  'delivery.adopted': ['applied'],
  'delivery.drifted': ['pending'],
  'delivery.missed': ['pending'],
  'delivery.vanished': ['none'],
  'delivery.unwanted': ['none'],
  'delivery.settled': ['applied'],
  'hold.raised': ['held'],
  'hold.released': ['released'],
  'hold.ended': ['none'],
}

/** A journal that complains when bookkeeping changes what only an event may change. */
export function audited(journal: Journal, complain: (what: string) => void): Journal {
  return {
    ...journal,
    async commit(facts, options: CommitOptions = {}) {
      for (const quiet of options.quiet ?? []) {
        const what = await smuggled(journal, quiet)
        if (what) complain(what)
      }
      return journal.commit(facts, options)
    },
  }
}

async function smuggled(journal: Journal, quiet: Quiet): Promise<string | null> {
  const written: Record<string, unknown> | null =
    'put' in quiet ? { ...quiet.put } : 'patch' in quiet ? { ...quiet.patch } : null
  const table = engineTables.find(({ name }) => name === quiet.table) as Table<Record<string, unknown>> | undefined
  if (!written || !table) return null
  const key = Object.fromEntries(table.key.map((column) => [column, written[column]]))
  const before = await journal.get(table, key)
  const changed = stateOf[table.name]!.filter((column) => column in written && written[column] !== before?.[column])
  if (changed.length === 0 || (before === null && 'patch' in quiet)) return null
  // A retry is no change of state: it goes out, and comes back as it was.
  if (table === (deliveries as unknown) && changed.join() === 'state' && isRetry(before?.['state'], written['state']))
    return null
  const values = changed.map((column) => `${column} from ${String(before?.[column])} to ${String(written[column])}`)
  return `${table.name} ${JSON.stringify(key)}: ${values.join(', ')}`
}

const tried = ['failed', 'unsure']
const isRetry = (before: unknown, after: unknown): boolean =>
  (tried.includes(String(before)) && after === 'sending') || (before === 'sending' && tried.includes(String(after)))

/** What rows and events of a sync disagree about. */
export async function unexplained(journal: Journal, sync: string): Promise<string[]> {
  const last = new Map<string, Event>()
  const problems: string[] = []
  for await (const event of eventsOf(journal, sync)) {
    if (!(event.type in after)) problems.push(`${event.type}: an event of no known type`)
    last.set(identify(event.type.split('.')[0]!, event), event)
  }
  const rows = new Map<string, Row>()
  for (const table of engineTables as unknown as readonly Table<Record<string, unknown>>[]) {
    for (const row of await journal.select(table, { where: { sync } })) rows.set(identify(table.name, row), row)
  }
  for (const [id, row] of rows) {
    const event = last.get(id)
    if (!event) problems.push(`${id}: a row without an event`)
    else if (event.seq !== row.seq)
      problems.push(`${id}: the row is of ${row.seq}, its last event ${event.type} of ${event.seq}`)
    else if (!after[event.type]?.includes(String(row['state'])))
      problems.push(`${id}: ${String(row['state'])} after ${event.type}`)
  }
  for (const [id, event] of last) {
    if (!rows.has(id) && !after[event.type]?.includes('none')) problems.push(`${id}: no row after ${event.type}`)
  }
  return problems
}

async function* eventsOf(journal: Journal, sync: string): AsyncGenerator<Event> {
  for (let seen = 0; ;) {
    const page = await journal.events({ sync, after: seen, limit: 500 })
    yield* page
    if (page.length < 500) return
    seen = page.at(-1)!.seq
  }
}

/** One name for a row and for the events that tell of it. */
function identify(noun: string, about: object): string {
  const { scope, target, key, data } = about as {
    scope?: string
    target?: string
    key?: string
    data?: { hold?: string }
  }
  const id = (about as { id?: string }).id ?? data?.hold
  switch (noun) {
    case 'scope':
      return `scope ${scope}`
    case 'entry':
      return `entry ${scope} ${key}`
    case 'target':
      return `target ${target}`
    case 'delivery':
      return `delivery ${target} ${key}`
    case 'hold':
      return `hold ${id}`
    default:
      return noun
  }
}
