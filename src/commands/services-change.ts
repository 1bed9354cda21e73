/** Of `regista services`: transitions that a person asks for, each with a reason; moves; purge. */
import type { Command } from 'commander'
import { openClient } from './client.ts'
import { counted, examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { wholeNumber } from './plan.ts'
import { base, pathOf, reasonOption, typeArgument, type Service } from './services-client.ts'
import { printChanged, type Changed } from './services-list.ts'
import type { Column } from './table.ts'
import { oneLine } from './terminal.ts'

interface ChangeOptions {
  readonly reason: string
  readonly cascade?: true
}

const verbs = [
  { verb: 'revoke', status: 'revoked', about: 'Withdraw a registration: heartbeats are refused until it is restored' },
  { verb: 'restore', status: 'active', about: 'Take a revocation back' },
  {
    verb: 'deactivate',
    status: 'inactive',
    about: 'Say that an active service is out of use; its next heartbeat ends that',
  },
  {
    verb: 'delete',
    status: 'deleted',
    about: 'Set a service aside that is not in use; it can be brought back for some days',
  },
  { verb: 'undelete', status: null, about: 'Bring back a deleted service, with the status that it had' },
] as const

export function declareServicesChange(group: Command, act: Act): void {
  for (const { verb, status, about } of verbs) {
    group
      .command(verb)
      .description(about)
      .addArgument(typeArgument())
      .argument('<id>')
      .addOption(reasonOption())
      .option('--cascade', 'All that is below it, too')
      .addHelpText('after', examples([`regista services ${verb} agent edge-1-a --reason "ticket 4711"`, 'one of them']))
      .action(
        act(
          async (run, type: string, id: string, { reason, cascade = false }: { reason: string; cascade?: boolean }) => {
            await using client = await openClient(run)
            const path = pathOf(type, id)
            const more = { reason, cascade }
            const changed = await (status === null
              ? client.post<Changed>(`${path}/undelete`, more)
              : client.post<Changed>(`${path}/status`, { status, ...more }))
            printChanged(run, changed)
            return exitCodes.ok
          },
        ),
      )
  }
  declareRemove(group, act)
  declareMove(group, act)
  declarePurge(group, act)
}

function declareRemove(group: Command, act: Act): void {
  group
    .command('remove')
    .description('Remove a registration for good; its history stays')
    .addArgument(typeArgument())
    .argument('<id>')
    .addOption(reasonOption())
    .option('--cascade', 'All that is below it, too')
    .option('--force', 'Also if it is active or pending')
    .addHelpText(
      'after',
      examples(['regista services remove agent edge-1-a --reason "sold"', 'of one that is revoked']),
    )
    .action(
      act(async (run, type: string, id: string, options: ChangeOptions & { readonly force?: true }) => {
        await using client = await openClient(run)
        printChanged(run, await client.delete<Changed>(pathOf(type, id), { ...options }))
        return exitCodes.ok
      }),
    )
}

function declareMove(group: Command, act: Act): void {
  group
    .command('move')
    .description('Give an agent another poller, or a checker another agent; what is below it goes with it')
    .addArgument(typeArgument())
    .argument('<id>')
    .requiredOption('--to <id>', 'The new parent')
    .addOption(reasonOption())
    .addHelpText(
      'after',
      examples(['regista services move agent edge-1-a --to edge-2 --reason "new site"', 'with its checkers']),
    )
    .action(
      act(async (run, type: string, id: string, { to, reason }: { readonly to: string; readonly reason: string }) => {
        await using client = await openClient(run)
        const moved = await client.patch<Service>(pathOf(type, id), { parent_id: to, reason })
        if (run.globals.output === 'json') printJson(run.terminal, moved)
        else run.terminal.out(`${oneLine(`${type} ${id} is below ${moved.parent_id}`)}\n`)
        return exitCodes.ok
      }),
    )
}

interface Planned {
  readonly service: string
  readonly why: string
  readonly since: string
  readonly children?: number
}
interface Purged {
  readonly due: number
  readonly purged: number
  readonly kept_count: number
  readonly services: readonly Planned[]
  readonly kept: readonly Planned[]
}

interface PurgeOptions {
  readonly retentionDays?: number
  readonly yes?: true
  readonly reason?: string
}

function declarePurge(group: Command, act: Act): void {
  group
    .command('purge')
    .description('Say which registrations are kept for no longer; with --yes remove them')
    .option('--retention-days <n>', 'In the place of what the configuration says of each status', wholeNumber)
    .option('--reason <text>', 'Why; it goes into the history')
    .option('--yes', 'Do it')
    .addHelpText(
      'after',
      examples(
        ['regista services purge', 'what would go, by the configuration'],
        ['regista services purge --retention-days 30 --yes', 'remove what is older than that'],
      ),
    )
    .action(act(purge))
}

async function purge(run: Run, { retentionDays, yes, reason }: PurgeOptions): Promise<number> {
  await using client = await openClient(run)
  const body = { retention_days: retentionDays, dry_run: yes !== true, reason }
  const done = await client.post<Purged>(`${base}/purge`, body)
  show(run, plannedColumns, [...done.services, ...done.kept], done)
  const { err } = run.terminal
  const more = done.due + done.kept_count - done.services.length - done.kept.length
  if (more > 0) err(`and ${more} more\n`)
  if (yes === true) err(`${counted(done.purged, 'registration')} removed\n`)
  else if (done.due > 0) err(`${counted(done.due, 'registration')} would be removed; do it with --yes\n`)
  else err('Nothing is to be removed.\n')
  return exitCodes.ok
}

const plannedColumns: readonly Column<Planned>[] = [
  { name: 'SERVICE', value: (row) => row.service },
  { name: 'WHY', value: (row) => row.why },
  { name: 'SINCE', value: (row) => row.since },
  { name: 'KEPT FOR', value: (row) => (row.children === undefined ? null : `${row.children} below it`) },
]
