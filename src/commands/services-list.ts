import { Argument, type Command } from 'commander'
import { openClient } from './client.ts'
import { examples, exitCodes, show, type Act, type Run } from './command.ts'
import { moment } from './moment.ts'
import { wholeNumber } from './plan.ts'
import { base, outputOption, printCsv, readPages, type Service } from './services-client.ts'
import { printTable, type Column } from './table.ts'
import type { Style } from './terminal.ts'

interface ListOptions {
  readonly status?: string
  readonly source?: string
  readonly search?: string
  readonly poller?: string
  readonly agent?: string
  readonly kind?: string
  readonly late?: true
  readonly stale?: string
  readonly limit: number
}

export function declareServicesList(group: Command, act: Act): void {
  group
    .command('ls')
    .description('List services, the newest registered first')
    .addArgument(new Argument('[type]', 'Only pollers, agents or checkers').choices(['pollers', 'agents', 'checkers']))
    .option('--status <list>', 'pending, active, inactive, revoked, deleted; several with commas')
    .option('--source <list>', 'edge_onboarding, k8s_spiffe, config, implicit; several with commas')
    .option('--search <text>', 'Beginning of an id or of a value of the metadata; site=ber: of that key')
    .option('--poller <id>', 'Only below this poller')
    .option('--agent <id>', 'Only below this agent')
    .option('--kind <kind>', 'Only checkers of this kind')
    .option('--late', 'Only those that are silent for longer than they should be')
    .option('--stale <length>', 'Only those that were not heard of for 1h, 7d')
    .option('-n, --limit <n>', 'At most this many of each type', wholeNumber, 1_000)
    .addOption(outputOption('services'))
    .addHelpText(
      'after',
      examples(
        ['regista services ls agents --status pending,inactive', 'who does not report'],
        ['regista services ls --search site=ber --stale 1h', 'of one site'],
        ['regista services ls checkers --output csv > checkers.csv', 'for a spreadsheet'],
      ),
    )
    .action(act(list))
}

async function list(run: Run, type: string | undefined, { search, limit, ...filters }: ListOptions): Promise<number> {
  await using client = await openClient(run)
  const types = type === undefined ? typesFor(filters) : [type]
  const query = { ...filters, ...(search !== undefined && { q: search }) }
  const pages = []
  for (const one of types) pages.push(await readPages<Service>(client, `${base}/${one}`, query, limit))
  const rows = pages.flatMap(({ items }) => items)
  if (run.globals.output === 'csv') printCsv(run.terminal, csvFields, rows)
  else show(run, columnsOf(run), rows)
  for (const [n, { items, total }] of pages.entries()) {
    if (total === null || total <= items.length) continue
    run.terminal.err(`${items.length} of ${total} ${types[n]}; -n shows more, filters fewer\n`)
  }
  return exitCodes.ok
}

/** Nobody else can pass these filters. */
function typesFor({ kind, agent, poller }: Omit<ListOptions, 'limit'>): readonly string[] {
  if (kind !== undefined || agent !== undefined) return ['checkers']
  return poller === undefined ? ['pollers', 'agents', 'checkers'] : ['agents', 'checkers']
}

const csvFields = [
  'service_type',
  'service_id',
  'parent_id',
  'poller_id',
  'checker_kind',
  'component_id',
  'status',
  'status_since',
  'status_reason',
  'registration_source',
  'first_registered',
  'first_seen',
  'last_seen',
  'health',
  'metadata',
  'spiffe_identity',
  'interval',
  'inactive_after',
  'created_by',
] as const satisfies readonly (keyof Service)[]

const styles: Readonly<Record<string, Style>> = {
  active: 'green',
  healthy: 'green',
  pending: 'yellow',
  late: 'yellow',
  unreachable: 'yellow',
  inactive: 'dim',
  unknown: 'dim',
  unhealthy: 'red',
  revoked: 'red',
  deleted: 'red',
}

export const styleOf = (word: string): Style | undefined => styles[word]

function columnsOf({ clock, terminal: { screen } }: Run): readonly Column<Service>[] {
  const time = (text: string | null) => moment(text === null ? null : Date.parse(text), clock.now(), { screen })
  return [
    { name: 'TYPE', value: (row) => row.service_type },
    { name: 'ID', value: (row) => row.service_id },
    { name: 'STATUS', value: (row) => row.status, style: (row) => styleOf(row.status) },
    { name: 'HEALTH', value: (row) => row.health, style: (row) => styleOf(row.health) },
    { name: 'PARENT', value: (row) => row.parent_id },
    { name: 'KIND', value: (row) => row.checker_kind },
    { name: 'SOURCE', value: (row) => row.registration_source },
    { name: 'REGISTERED', value: (row) => time(row.first_registered) },
    { name: 'LAST SEEN', value: (row) => time(row.last_seen) },
  ]
}

/** What became of services that a command changed. */
export interface Changed {
  readonly result: 'done' | 'unchanged'
  readonly count: number
  readonly services: readonly {
    readonly service_type: string
    readonly service_id: string
    readonly status: string | null
    readonly version: number | null
  }[]
}

export function printChanged(run: Run, changed: Changed): void {
  const { terminal, globals } = run
  if (globals.output === 'json') terminal.out(`${JSON.stringify(changed, null, 2)}\n`)
  else printTable(terminal, changedColumns, changed.services)
  if (changed.result === 'unchanged') terminal.err('It was so already; nothing changed.\n')
  const more = changed.count - changed.services.length
  if (more > 0) terminal.err(`and ${more} more\n`)
}

const changedColumns: readonly Column<Changed['services'][number]>[] = [
  { name: 'TYPE', value: (row) => row.service_type },
  { name: 'ID', value: (row) => row.service_id },
  { name: 'STATUS', value: (row) => row.status ?? 'gone', style: (row) => styleOf(row.status ?? '') },
  { name: 'VERSION', value: (row) => row.version },
]
