import type { SyncStatus } from '../engine/engine.ts'
import type { DeliveryRow, HoldRow, ScopeRow } from '../engine/tables.ts'
import { openClient, segment, type Client } from './client.ts'
import { examples, exitCodes, printJson, type Declare, type Run } from './command.ts'
import { moment } from './moment.ts'
import { printTable, type Column } from './table.ts'
import { oneLine } from './terminal.ts'

/** What the API answers for one sync. */
interface SyncDetail extends SyncStatus {
  readonly counts: {
    readonly scopes: Readonly<Record<string, number>>
    readonly entries: Readonly<Record<string, number>>
    readonly deliveries: Readonly<Record<string, number>>
    readonly holds: number
  }
  readonly targets: readonly TargetDetail[]
}

interface TargetDetail {
  readonly target: string
  readonly state: string
  readonly why: string | null
  readonly detail: string | null
  readonly unsettled: Readonly<Record<string, number>>
}

export const declareStatus: Declare = (program, act) => {
  program
    .command('status [sync]')
    .description('Show syncs and targets, and what needs attention')
    .addHelpText(
      'after',
      examples(
        ['regista status', 'every sync'],
        ['regista status catalog', 'one of them: its targets, and every change that is not through'],
        ['regista status --output json', 'for machines'],
      ),
    )
    .action(act((run, sync: string | undefined) => (sync === undefined ? all(run) : one(run, sync))))
}

async function all(run: Run): Promise<number> {
  await using client = await openClient(run)
  const syncs = await client.list<SyncStatus>('/api/v1/syncs')
  const details = await Promise.all(syncs.map(({ sync }) => client.get<SyncDetail>(`/api/v1/syncs/${segment(sync)}`)))
  if (run.globals.output === 'json') {
    printJson(run.terminal, details)
    return exitCodes.ok
  }
  printTable(run.terminal, syncColumns(run), details)
  const notes = (await Promise.all(details.map((detail) => attention(client, detail)))).flat()
  printNotes(run, notes)
  return exitCodes.ok
}

async function one(run: Run, sync: string): Promise<number> {
  await using client = await openClient(run)
  const detail = await client.get<SyncDetail>(`/api/v1/syncs/${segment(sync)}`)
  const state = ['pending', 'held', 'sending', 'waiting', 'rejected', 'failed', 'unsure']
  const deliveries = await client.list<DeliveryRow>('/api/v1/deliveries', { sync, state }, mostDeliveries)
  if (run.globals.output === 'json') {
    printJson(run.terminal, { ...detail, unsettled: deliveries })
    return exitCodes.ok
  }
  const { terminal } = run
  printTable(terminal, syncColumns(run), [detail])
  terminal.out('\n')
  printTable(terminal, targetColumns, detail.targets)
  if (deliveries.length > 0) terminal.out('\n')
  if (deliveries.length > 0) printTable(terminal, deliveryColumns, deliveries)
  printNotes(run, await attention(client, detail))
  return exitCodes.ok
}

/** Changes that `status SYNC` lists. */
const mostDeliveries = 200

function printNotes({ terminal }: Run, notes: readonly string[]): void {
  if (notes.length > 0) terminal.err(`\n${terminal.paint('bold', 'Needs attention:')}\n`)
  for (const note of notes) terminal.err(`  ${oneLine(note)}\n`)
}

/** One line for each thing that does not go away by itself, with the next step. */
async function attention(client: Client, { sync, state, counts, targets }: SyncDetail): Promise<string[]> {
  const notes: string[] = []
  if (state === 'paused') notes.push(`${sync} is paused; \`regista resume ${sync}\``)
  if (state === 'orphaned') notes.push(`${sync} is no longer in the configuration; \`regista forget ${sync}\``)
  const scopes = await client.list<ScopeRow>('/api/v1/scopes', { sync }, 1000)
  for (const { scope, state: itsState, why, detail, troubles } of scopes) {
    const where = scope === '' ? 'its source' : `scope ${scope}`
    if (itsState === 'unavailable')
      notes.push(`${sync}: ${where} cannot be read: ${detail ?? why}; last known good stays`)
    if (itsState === 'orphaned')
      notes.push(`${sync}: ${where} left the configuration; \`regista forget ${sync} --scope '${scope}'\``)
    if (itsState === 'ok' && detail !== null) notes.push(`${sync}: ${where}: ${detail}`)
    for (const trouble of troublesOf(troubles)) notes.push(`${sync}: ${trouble}`)
  }
  for (const { target, state: itsState, why, detail } of targets) {
    if (itsState === 'unavailable') notes.push(`${sync}: target ${target}: ${detail ?? why}`)
    if (itsState === 'orphaned')
      notes.push(`${sync}: target ${target} left the configuration; \`regista forget ${sync} --target ${target}\``)
  }
  if (counts.holds > 0) notes.push(await heldNote(client, sync))
  return notes
}

async function heldNote(client: Client, sync: string): Promise<string> {
  const holds = await client.list<HoldRow>('/api/v1/holds', { sync }, 1000)
  const reasons = [...Map.groupBy(holds, ({ reason }) => reason)].map(([reason, of]) => `${of.length} ${reason}`)
  return `${sync}: changes are held (${reasons.join(', ')}); \`regista release --list\`, \`regista release --all --sync ${sync}\``
}

function troublesOf(troubles: unknown): string[] {
  if (!Array.isArray(troubles)) return []
  return (troubles as { key?: string; origin?: string; why?: string; detail?: string }[]).map(
    ({ key, origin, why, detail }) => `${key ?? origin} could not be read: ${detail ?? why}; last known good stays`,
  )
}

function syncColumns({ clock, terminal }: Run): readonly Column<SyncDetail>[] {
  const now = clock.now()
  const open = ({ counts: { deliveries } }: SyncDetail) =>
    Object.entries(deliveries).reduce((sum, [state, count]) => (state === 'applied' ? sum : sum + count), 0)
  return [
    { name: 'SYNC', value: (row) => row.sync },
    { name: 'REGISTRY', value: (row) => row.registry },
    { name: 'STATE', value: (row) => (row.running ? 'running' : row.state) },
    { name: 'LAST PASS', value: (row) => moment(row.lastPassAt, now, terminal) },
    {
      name: 'OK',
      value: (row) => row.lastPassOk,
      style: (row) => (row.lastPassOk === null ? undefined : row.lastPassOk ? 'green' : 'red'),
    },
    { name: 'NEXT PASS', value: (row) => moment(row.nextPassAt, now, terminal) },
    { name: 'ENTRIES', value: (row) => row.counts.entries['live'] ?? 0 },
    { name: 'OPEN', value: open },
    { name: 'HELD', value: (row) => row.counts.holds, style: (row) => (row.counts.holds > 0 ? 'yellow' : undefined) },
    {
      name: 'TARGETS',
      value: (row) => `${row.targets.filter(({ state }) => state === 'ok').length}/${row.targets.length}`,
    },
  ]
}

const targetColumns: readonly Column<TargetDetail>[] = [
  { name: 'TARGET', value: (row) => row.target },
  { name: 'STATE', value: (row) => row.state, style: (row) => (row.state === 'ok' ? 'green' : 'red') },
  { name: 'OPEN', value: (row) => Object.values(row.unsettled).reduce((sum, count) => sum + count, 0) },
  { name: 'WHY', value: (row) => row.why },
  { name: 'DETAIL', value: (row) => row.detail },
]

const deliveryColumns: readonly Column<DeliveryRow>[] = [
  { name: 'TARGET', value: (row) => row.target },
  { name: 'KEY', value: (row) => row.key },
  { name: 'CHANGE', value: (row) => row.state, style: (row) => (row.state === 'pending' ? undefined : 'yellow') },
  { name: 'LABEL', value: (row) => row.label },
  { name: 'TRIES', value: (row) => row.attempts },
  { name: 'REASON', value: (row) => row.reason },
  { name: 'DETAIL', value: (row) => row.detail },
]
