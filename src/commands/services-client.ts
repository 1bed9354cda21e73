/** What the commands about services share: types, paths, pages, and what the API answers. */
import { Argument, Option } from 'commander'
import { csvLine } from '../kernel/csv.ts'
import { segment, type Client, type Query } from './client.ts'
import type { Terminal } from './terminal.ts'

export const base = '/api/admin/services'

export const typeArgument = () =>
  new Argument('<type>', 'poller, agent or checker').choices(['poller', 'agent', 'checker']).argRequired()

export const reasonOption = () => new Option('--reason <text>', 'Why; it goes into the history').makeOptionMandatory()

export function pathOf(type: string, id: string): string {
  return `${base}/${type}s/${segment(id)}`
}

/** As the API shows it. */
export interface Service {
  readonly service_type: string
  readonly service_id: string
  readonly parent_id: string | null
  readonly poller_id: string | null
  readonly checker_kind?: string | null
  readonly component_id: string
  readonly status: string
  readonly status_since: string
  readonly status_reason: string | null
  readonly registration_source: string
  readonly first_registered: string
  readonly first_seen: string | null
  readonly last_seen: string | null
  readonly health: string
  readonly metadata: Readonly<Record<string, string>>
  readonly spiffe_identity: string | null
  readonly interval: string | null
  readonly inactive_after: string | null
  readonly created_by: string
  readonly agent_count?: number
  readonly checker_count?: number
  readonly version: number
}

export interface EventItem {
  readonly seq: number
  readonly event_type: string
  readonly service_type: string | null
  readonly service_id: string | null
  readonly parent_id: string | null
  readonly registration_source: string | null
  readonly actor: string | null
  readonly timestamp: string
  readonly rule: string | null
  readonly reason: string | null
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly total?: number
  readonly next_cursor: string | null
}

/** At most `most` of a list, and how many there are where it says so. */
export async function readPages<T>(client: Client, path: string, query: Query, most: number) {
  const items: T[] = []
  let total: number | null = null
  for (let cursor: string | null | undefined; cursor !== null && items.length < most;) {
    const limit = Math.min(1_000, most)
    const page: Page<T> = await client.get(path, { ...query, limit, ...(cursor !== undefined && { cursor }) })
    items.push(...page.items)
    total ??= page.total ?? null
    cursor = page.next_cursor
  }
  return { items: items.slice(0, most), total }
}

/** Names of fields as the first record, then one record for each row. */
export function printCsv<R extends object>(
  terminal: Terminal,
  names: readonly (keyof R & string)[],
  rows: readonly R[],
): void {
  terminal.out(csvLine(names) + rows.map((row) => csvLine(names.map((name) => row[name]))).join(''))
}

export const outputOption = (what: string) =>
  new Option('--output <form>', `How ${what} are printed`).choices(['table', 'json', 'csv'])
