/** Of `regista services`: what happened, as it happens, and as evidence. */
import { Option, type Command } from 'commander'
import { isoTime } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client, type Query } from './client.ts'
import { examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { sinceText } from './history.ts'
import { parseSince } from './moment.ts'
import { wholeNumber } from './plan.ts'
import { base, outputOption, printCsv, readPages, type EventItem } from './services-client.ts'
import { printTable, type Column } from './table.ts'

interface EventOptions {
  readonly service?: string
  readonly type?: readonly string[]
  readonly since?: string
  readonly limit: number
  readonly follow?: true
}

export function declareServicesHistory(group: Command, act: Act): void {
  group
    .command('events')
    .description('Show what happened to services, the newest last')
    .option('--service <id>', 'Only of this one: its id, or type/id')
    .option('--type <type...>', 'Only of these: registered, deactivated …, or pollers, agents, checkers')
    .option('--since <time>', 'Not older than 10m, 2h, 7d, or a time such as 2026-11-21T08:00Z', sinceText)
    .option('-n, --limit <n>', 'At most this many', wholeNumber, 50)
    .option('-f, --follow', 'Go on and show what happens')
    .addOption(outputOption('events'))
    .addHelpText(
      'after',
      examples(
        ['regista services events --type deactivated --since 24h', 'who stopped since yesterday'],
        ['regista services events --service agent/edge-1-a -n 500', 'all of one'],
        ['regista services events --follow --output json', 'as it happens, one line each'],
      ),
    )
    .action(act(events))
  const audit = group.command('audit').description('Check the history, or take all of it away')
  audit
    .command('verify')
    .description('Recompute the hash chain of everything that is kept of the history')
    .action(act(verify))
  audit
    .command('export')
    .description('Print all that is kept of the history, the oldest first')
    .addOption(
      new Option('--format <name>', 'One JSON object per line, or CSV').choices(['jsonl', 'csv']).default('jsonl'),
    )
    .option('--since <time>', 'Not older than 10m, 2h, 7d, or a time such as 2026-11-21T08:00Z', sinceText)
    .option('--until <time>', 'Older than this', sinceText)
    .addHelpText('after', examples(['regista services audit export --format csv > audit.csv', 'for a spreadsheet']))
    .action(act(exportAll))
}

const timeIn = (run: Run, text: string | undefined): string | undefined =>
  text === undefined ? undefined : isoTime(parseSince(text, run.clock.now())!)

async function events(run: Run, options: EventOptions): Promise<number> {
  const { limit, follow, since, ...filters } = options
  await using client = await openClient(run)
  if (follow === true && client.alone) {
    const detail = 'nobody serves this state, so that nothing happens; start `regista serve`, or leave --follow out'
    throw new AppError('server.unreachable', detail)
  }
  // Before the list: what happens in between is then followed, not lost.
  const head = follow === true ? await headOf(client) : 0
  const query = { ...filters, since: timeIn(run, since) }
  const found = (await readPages<EventItem>(client, `${base}/events`, query, limit)).items.toReversed()
  if (follow === true) await followOn(run, client, found, head, filters)
  else if (run.globals.output === 'csv') printCsv(run.terminal, csvFields, found)
  else show(run, columns, found)
  return exitCodes.ok
}

async function headOf(client: Client): Promise<number> {
  return (await client.get<{ readonly last_seq: number }>(`${base}/events`, { limit: 1 })).last_seq
}

async function followOn(run: Run, client: Client, found: readonly EventItem[], head: number, filters: Query) {
  const { terminal, globals } = run
  const print = (event: EventItem) => {
    if (globals.output === 'json') terminal.out(`${JSON.stringify(event)}\n`)
    else printTable({ ...terminal, columns: Number.POSITIVE_INFINITY }, columns, [event], { header: false })
  }
  if (globals.output === 'csv') throw new AppError('request.invalid', 'with --follow, print a table or json')
  // On a screen each line has widths of its own, so that a header would stand over nothing.
  if (globals.output === 'table' && !terminal.screen) printTable(terminal, columns, [])
  found.forEach(print)
  const after = Math.max(head, found.at(-1)?.seq ?? 0)
  try {
    for await (const { type, data } of client.follow(`${base}/events/stream`, { ...filters, since_seq: after })) {
      if (type === 'gap') terminal.err('some events in between are older than what is kept\n')
      else print(data as EventItem)
    }
  } catch (thrown) {
    if (!run.stop.aborted) throw thrown
  }
}

interface Verdict {
  readonly ok: boolean
  readonly blocks?: number
  readonly events?: number
  readonly at?: number
  readonly why?: string
}

async function verify(run: Run): Promise<number> {
  await using client = await openClient(run)
  const verdict = await client.post<Verdict>(`${base}/audit/verify`)
  if (run.globals.output === 'json') printJson(run.terminal, verdict)
  else if (verdict.ok) run.terminal.out(`the history is whole: ${verdict.events} events in ${verdict.blocks} blocks\n`)
  else run.terminal.out(`the history is broken at ${verdict.at}: ${verdict.why}\n`)
  return verdict.ok ? exitCodes.ok : exitCodes.failed
}

interface ExportOptions {
  readonly format: string
  readonly since?: string
  readonly until?: string
}

async function exportAll(run: Run, { format, since, until }: ExportOptions): Promise<number> {
  await using client = await openClient(run)
  const query = { format, since: timeIn(run, since), until: timeIn(run, until) }
  for await (const piece of client.stream(`${base}/audit/export`, query)) run.terminal.out(piece)
  return exitCodes.ok
}

const csvFields = [
  'seq',
  'timestamp',
  'event_type',
  'service_type',
  'service_id',
  'parent_id',
  'registration_source',
  'actor',
  'rule',
  'reason',
  'metadata',
] as const satisfies readonly (keyof EventItem)[]

const columns: readonly Column<EventItem>[] = [
  { name: 'TIME', value: (row) => row.timestamp },
  { name: 'SEQ', value: (row) => row.seq },
  { name: 'EVENT', value: (row) => row.event_type },
  { name: 'TYPE', value: (row) => row.service_type },
  { name: 'ID', value: (row) => row.service_id },
  { name: 'BY', value: (row) => row.actor },
  { name: 'RULE', value: (row) => row.rule },
  { name: 'REASON', value: (row) => row.reason },
]
