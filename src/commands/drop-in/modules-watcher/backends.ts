/** What the ledger knows of builders: whether they answer, and what they are still to get. */
import type { Journal } from '../../../engine/journal.ts'
import { deliveries, entries, scopes, targets, type DeliveryRow, type TargetRow } from '../../../engine/tables.ts'
import { isoTime } from '../../../kernel/clock.ts'

export interface Backend {
  readonly backend: string
  /** Its name in metrics and in the ledger: that of its lease, or its address. */
  readonly target: string
  readonly state: 'ok' | 'unavailable'
  readonly detail?: string
  readonly since?: string
  /** Channels of modules that it holds as they are released. */
  readonly delivered: number
  readonly pending: number
  /** It is still to be built. */
  readonly buildOwed: boolean
  /** What is pending, refused or held, as far as it is listed. */
  readonly changes: readonly PendingChange[]
}

export interface PendingChange {
  readonly module: string
  readonly channel: string
  readonly version: string | null
  readonly change: 'upload' | 'delete'
  readonly state: DeliveryRow['state']
  readonly detail?: string
}

/** Of a builder that is new and away, everything is pending: nobody reads that. */
const mostChanges = 100

export async function readBackends(
  journal: Journal,
  sync: string,
  addressOf: (target: string) => string,
): Promise<Backend[]> {
  const [rows, wanted] = await Promise.all([journal.select(targets, { where: { sync } }), readWanted(journal, sync)])
  const here = rows.filter((row) => row.state !== 'orphaned')
  return Promise.all(
    here.map(async (row) => {
      const delivered = await journal.select(deliveries, { where: { sync, target: row.target } })
      return { backend: addressOf(row.target), ...(await standingOf(journal, row)), ...judge(wanted, delivered) }
    }),
  )
}

interface Wanted {
  readonly digest: string
  readonly label: string
}

/** Of two registries that have one channel of one module, the one that counts. */
async function readWanted(journal: Journal, sync: string): Promise<Map<string, Wanted>> {
  const [live, seen] = await Promise.all([
    journal.select(entries, { where: { sync, state: 'live' }, without: ['item', 'note', 'stamp'] }),
    journal.select(scopes, { where: { sync } }),
  ])
  const ranks = new Map(seen.map(({ scope, rank }) => [scope, rank]))
  const rankOf = (scope: string) => ranks.get(scope) ?? 0
  const sorted = live.toSorted((a, b) => rankOf(b.scope) - rankOf(a.scope) || (a.scope < b.scope ? 1 : -1))
  return new Map(sorted.map(({ key, digest, label }) => [key, { digest, label }]))
}

async function standingOf(
  journal: Journal,
  row: TargetRow,
): Promise<Omit<Backend, 'backend' | 'delivered' | 'pending' | 'changes'>> {
  const { sync, target, state, detail, owed } = row
  const about = { target, buildOwed: owed !== null }
  if (state !== 'unavailable') return { ...about, state: 'ok' }
  // Another detail of the same trouble is an event of its own: the first of them in a row counts.
  const told = await journal.events({ sync, target, type: 'target.', last: true, limit: 50 })
  const end = told.findIndex(({ type }) => type !== 'target.unavailable')
  const first = told.slice(0, end < 0 ? told.length : end).at(-1)
  return { ...about, state, ...(detail !== null && { detail }), ...(first && { since: isoTime(first.at) }) }
}

function judge(
  wanted: ReadonlyMap<string, Wanted>,
  delivered: readonly DeliveryRow[],
): Pick<Backend, 'delivered' | 'pending' | 'changes'> {
  const byKey = new Map(delivered.map((row) => [row.key, row]))
  const changes: PendingChange[] = []
  for (const [key, { digest, label }] of wanted) {
    const row = byKey.get(key)
    if (row?.state !== 'applied' || row.digest !== digest) changes.push(changeOf(key, 'upload', label, row))
  }
  const pending = changes.length
  for (const row of delivered) {
    if (row.digest !== null && !wanted.has(row.key)) changes.push(changeOf(row.key, 'delete', row.digestLabel, row))
  }
  const left = { pending: changes.length, changes: changes.slice(0, mostChanges) }
  return { delivered: wanted.size - pending, ...left }
}

function changeOf(
  key: string,
  change: PendingChange['change'],
  version: string | null,
  row: DeliveryRow | undefined,
): PendingChange {
  const [module = '', channel = ''] = key.split('/')
  const state = row === undefined || row.state === 'applied' ? 'pending' : row.state
  const detail = state === 'pending' ? null : (row?.detail ?? row?.reason ?? null)
  return { module, channel, version, change, state, ...(detail !== null && { detail }) }
}
