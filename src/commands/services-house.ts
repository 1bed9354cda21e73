/** Of `regista services`: who waits to be let in, groups that are held, and jobs. */
import type { Command } from 'commander'
import { openClient, segment, type Client } from './client.ts'
import { examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { moment } from './moment.ts'
import { base, readPages, reasonOption, typeArgument } from './services-client.ts'
import type { Column } from './table.ts'
import { oneLine } from './terminal.ts'

export function declareServicesHouse(group: Command, act: Act): void {
  declareQuarantine(group, act)
  declarePreservation(group, act)
  declareJobs(group, act)
}

interface Ls<T> {
  readonly about: string
  read(client: Client): Promise<{ readonly items: readonly T[] }>
  columns(run: Run): readonly Column<T>[]
}

function declareLs<T>(group: Command, act: Act, { about, read, columns }: Ls<T>): void {
  group
    .command('ls')
    .description(about)
    .action(
      act(async (run) => {
        await using client = await openClient(run)
        const { items } = await read(client)
        show(run, columns(run), items)
        return exitCodes.ok
      }),
    )
}

interface Waiting {
  readonly service_type: string
  readonly service_id: string
  readonly parent_id: string | null
  readonly source_ip: string
  readonly by: string
  readonly first_at: string
  readonly last_at: string
  readonly count: number
}

function declareQuarantine(group: Command, act: Act): void {
  const quarantine = group
    .command('quarantine')
    .description('Decide on those that reported without being registered')
    .addHelpText(
      'after',
      examples(
        ['regista services quarantine ls', 'who waits'],
        ['regista services quarantine approve agent edge-7-a', 'its next heartbeat activates it'],
      ),
    )
  declareLs(quarantine, act, {
    about: 'List who waits',
    read: (client) => readPages<Waiting>(client, `${base}/quarantine`, {}, Number.POSITIVE_INFINITY),
    columns: waitingColumns,
  })
  for (const [verb, about, done] of [
    ['approve', 'Register one that waits', 'is registered'],
    ['dismiss', 'Send one away; if it asks again, it waits again', 'waits no more'],
  ] as const) {
    quarantine
      .command(verb)
      .description(about)
      .addArgument(typeArgument())
      .argument('<id>')
      .option('--reason <text>', 'Why; it goes into the history')
      .action(
        act(async (run, type: string, id: string, { reason }: { readonly reason?: string }) => {
          await using client = await openClient(run)
          await client.post(`${base}/quarantine/${type}/${segment(id)}/${verb}`, { reason })
          run.terminal.err(`${oneLine(`${type} ${id} ${done}`)}\n`)
          return exitCodes.ok
        }),
      )
  }
}

function waitingColumns({ clock, terminal }: Run): readonly Column<Waiting>[] {
  return [
    { name: 'TYPE', value: (row) => row.service_type },
    { name: 'ID', value: (row) => row.service_id },
    { name: 'PARENT', value: (row) => row.parent_id },
    { name: 'FROM', value: (row) => row.source_ip },
    { name: 'BY', value: (row) => row.by },
    { name: 'TIMES', value: (row) => row.count },
    { name: 'LAST', value: (row) => moment(Date.parse(row.last_at), clock.now(), terminal) },
  ]
}

interface Held {
  readonly group: string
  readonly since: string
  readonly until: string
  readonly silent: number
  readonly active: number
}

function declarePreservation(group: Command, act: Act): void {
  const preservation = group
    .command('preservation')
    .description('Look at groups that are held because too many of them fell silent at once, and let them go')
  declareLs(preservation, act, {
    about: 'List groups that are held',
    read: (client) => client.get<{ items: Held[] }>(`${base}/preservation`),
    columns: () => heldColumns,
  })
  preservation
    .command('release <group>')
    .description('Accept the loss: what is silent of it turns inactive')
    .addOption(reasonOption())
    .action(
      act(async (run, name: string, { reason }: { readonly reason: string }) => {
        await using client = await openClient(run)
        await client.post(`${base}/preservation/${segment(name)}/release`, { reason })
        run.terminal.err(`${oneLine(name)} is let go\n`)
        return exitCodes.ok
      }),
    )
}

const heldColumns: readonly Column<Held>[] = [
  { name: 'GROUP', value: (row) => row.group },
  { name: 'SILENT', value: (row) => row.silent },
  { name: 'OF', value: (row) => row.active },
  { name: 'SINCE', value: (row) => row.since },
  { name: 'UNTIL', value: (row) => row.until },
]

interface Job {
  readonly job: string
  readonly about: string
  readonly enabled: boolean
  readonly next_at: string | null
  readonly running_since: string | null
  readonly last: { readonly started_at: string; readonly error: string | null } | null
}

interface Ran {
  readonly status: 'done' | 'asked' | 'running'
  readonly result: unknown
}

function declareJobs(group: Command, act: Act): void {
  const jobs = group.command('jobs').description('Look at what is done on a schedule, or do it now')
  declareLs(jobs, act, {
    about: 'List jobs with their last runs',
    read: (client) => client.get<{ items: Job[] }>(`${base}/jobs`),
    columns: jobColumns,
  })
  jobs
    .command('run <job>')
    .description('Run one now and wait for it')
    .option('--dry-run', 'Only say what it would do')
    .action(
      act(async (run, job: string, { dryRun }: { readonly dryRun?: true }) => {
        await using client = await openClient(run)
        const ran = await client.post<Ran>(`${base}/jobs/${segment(job)}/run`, { dry_run: dryRun === true })
        printJson(run.terminal, ran)
        if (ran.status !== 'done') run.terminal.err(notDone[ran.status])
        return exitCodes.ok
      }),
    )
}

const notDone = {
  asked: 'Another replica runs the jobs, and this one within seconds.\n',
  running: 'It takes longer, and goes on; `regista services jobs ls` shows when it ends.\n',
} as const

function jobColumns({ clock, terminal }: Run): readonly Column<Job>[] {
  const time = (text: string | null | undefined) => moment(text ? Date.parse(text) : null, clock.now(), terminal)
  return [
    { name: 'JOB', value: (row) => row.job },
    { name: 'ENABLED', value: (row) => row.enabled },
    { name: 'LAST', value: (row) => time(row.last?.started_at) },
    {
      name: 'STATE',
      value: (row) => (row.running_since ? 'running' : row.last?.error ? 'failed' : row.last ? 'ok' : null),
      style: (row) => (row.last?.error ? 'red' : undefined),
    },
    { name: 'NEXT', value: (row) => time(row.next_at) },
    { name: 'ABOUT', value: (row) => row.last?.error ?? row.about },
  ]
}
