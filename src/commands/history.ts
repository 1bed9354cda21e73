import { InvalidArgumentError } from 'commander'
import type { Event } from '../engine/journal.ts'
import { isoTime } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client, type Query } from './client.ts'
import { examples, exitCodes, show, type Declare, type Run } from './command.ts'
import { parseSince } from './moment.ts'
import { wholeNumber } from './plan.ts'
import { printTable, type Column } from './table.ts'

interface HistoryOptions {
  readonly sync?: string
  readonly target?: string
  readonly key?: string
  readonly type?: string
  readonly since?: string
  readonly limit: number
  readonly follow?: true
}

export const declareHistory: Declare = (program, act) => {
  program
    .command('history')
    .description('Show what happened, the newest last')
    .option('--sync <name>', 'Only of this sync')
    .option('--target <name>', 'Only at this target')
    .option('--key <key>', 'Only of this key')
    .option('--type <type>', 'Only of this type; a noun with a dot for all of it: delivery.')
    .option('--since <time>', 'Not older than 10m, 2h, 7d, or a time such as 2026-11-21T08:00Z', sinceText)
    .option('-n, --limit <n>', 'At most this many', wholeNumber, 50)
    .option('-f, --follow', 'Go on and show what happens')
    .addHelpText(
      'after',
      examples(
        ['regista history --follow', 'as it happens'],
        ['regista history --key team/service --since 7d', 'everything about one key'],
        ['regista history --type hold. --output json', 'for machines; with --follow one line each'],
      ),
    )
    .action(act(history))
}

async function history(run: Run, options: HistoryOptions): Promise<number> {
  const { since, limit, follow, ...filters } = options
  const from = since === undefined ? null : parseSince(since, run.clock.now())
  await using client = await openClient(run)
  if (follow === true && client.alone) {
    const detail = 'nobody serves this state, so that nothing happens; start `regista serve`, or leave --follow out'
    throw new AppError('server.unreachable', detail)
  }
  // Before the list: what happens in between is then followed, not lost.
  const head = follow === true ? await newest(client) : 0
  const query = { ...filters, ...(from !== null && { since: from }) }
  const events = (await client.list<Event>('/api/v1/events', query, limit)).toReversed()
  if (follow !== true) {
    show(run, columns, events)
    return exitCodes.ok
  }
  await followOn(run, client, events, Math.max(head, events.at(-1)?.seq ?? 0), filters)
  return exitCodes.ok
}

export function sinceText(text: string): string {
  if (parseSince(text, 0) === null) throw new InvalidArgumentError('It takes 10m, 2h, 7d or 2026-11-21T08:00Z.')
  return text
}

async function newest(client: Client): Promise<number> {
  const [event] = await client.list<Event>('/api/v1/events', {}, 1)
  return event?.seq ?? 0
}

async function followOn(
  run: Run,
  client: Client,
  shown: readonly Event[],
  after: number,
  filters: Query,
): Promise<void> {
  const { terminal, globals } = run
  const print = (event: Event) => {
    if (globals.output === 'json') terminal.out(`${JSON.stringify(event)}\n`)
    else printTable({ ...terminal, columns: Number.POSITIVE_INFINITY }, columns, [event], { header: false })
  }
  // On a screen each line has widths of its own, so that a header would stand over nothing.
  if (globals.output === 'table' && !terminal.screen) printTable(terminal, columns, [])
  shown.forEach(print)
  try {
    for await (const { type, data } of client.follow('/api/v1/events/stream', { ...filters, after })) {
      if (type === 'gap') terminal.err('some events in between are older than what is kept\n')
      else print(data as Event)
    }
  } catch (thrown) {
    if (!run.stop.aborted) throw thrown
  }
}

const columns: readonly Column<Event>[] = [
  { name: 'TIME', value: (row) => isoTime(row.at) },
  { name: 'SEQ', value: (row) => row.seq },
  { name: 'TYPE', value: (row) => row.type },
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'TARGET', value: (row) => row.target },
  { name: 'KEY', value: (row) => row.key },
  { name: 'REASON', value: (row) => row.reason },
  { name: 'BY', value: (row) => row.actor },
]
