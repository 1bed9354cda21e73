/** Of `regista services`: one of them, the tree, why it is so, and all of them in figures. */
import { Argument, type Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client } from './client.ts'
import { counted, examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { wholeNumber } from './plan.ts'
import { base, pathOf, readPages, typeArgument, type EventItem, type Service } from './services-client.ts'
import { styleOf } from './services-list.ts'
import type { Column } from './table.ts'
import { oneLine } from './terminal.ts'

type Parent = { readonly service_type: string; readonly service_id: string; readonly status: string }
interface Whole extends Service {
  readonly parents: readonly (Parent & { readonly silent: boolean })[]
  readonly children: Readonly<Record<string, number>>
  readonly last_refused: {
    readonly at: string
    readonly why: string
    readonly source_ip: string
    readonly count: number
  } | null
  /** The newest first. */
  readonly events: readonly EventItem[]
}

export function declareServicesLook(group: Command, act: Act): void {
  group
    .command('get')
    .description('Show one service: registration, when it was last heard of, what is above and below it, last events')
    .addArgument(typeArgument())
    .argument('<id>')
    .action(act(get))
  group
    .command('explain')
    .description('Say why a service is as it is, with evidence and the next step')
    .addArgument(typeArgument())
    .argument('<id>')
    .addHelpText('after', examples(['regista services explain agent edge-1-a', 'also of one that is not registered']))
    .action(act(explain))
  group
    .command('tree')
    .description('Show pollers, their agents, and the checkers of these')
    .addArgument(new Argument('[type]', 'Only what is below one').choices(['poller', 'agent']))
    .argument('[id]')
    .option('--depth <n>', 'Levels', wholeNumber, 3)
    .option('-n, --limit <n>', 'At most this many below each', wholeNumber, 100)
    .action(act(tree))
  group
    .command('stats')
    .description('Count services by type, status and source; who is stuck, late or held')
    .action(act(stats))
}

async function get(run: Run, type: string, id: string): Promise<number> {
  await using client = await openClient(run)
  const found = await client.get<Whole>(pathOf(type, id))
  if (run.globals.output === 'json') printJson(run.terminal, found)
  else printWhole(run, found)
  return exitCodes.ok
}

function printWhole({ terminal }: Run, found: Whole): void {
  const { service_type: type, service_id: id, status, health, parents, children, events, last_refused: refused } = found
  const say = (name: string, value: string | null | undefined) => {
    if (value !== null && value !== undefined && value !== '') terminal.out(`  ${name}: ${oneLine(value)}\n`)
  }
  const title = terminal.paint('bold', oneLine(`${type} ${id}`))
  terminal.out(`${title}  ${terminal.paint(styleOf(status) ?? 'dim', status)}  ${health}\n`)
  say('since', `${found.status_since}${found.status_reason === null ? '' : ` (${found.status_reason})`}`)
  say('kind', found.checker_kind)
  for (const one of parents)
    say('below', `${one.service_type} ${one.service_id}, ${one.status}${one.silent ? ', silent' : ''}`)
  say('registered', `${found.first_registered} by ${found.created_by}, from ${found.registration_source}`)
  say('component', found.component_id === id ? null : found.component_id)
  say('first seen', found.first_seen)
  say('last seen', found.last_seen ?? 'never')
  if (refused)
    say(
      'last refused',
      `${refused.at}, ${refused.why}${refused.source_ip && ` from ${refused.source_ip}`} (${refused.count} times)`,
    )
  say('spiffe id', found.spiffe_identity)
  say('interval', found.interval)
  say('inactive after', found.inactive_after)
  for (const [name, value] of Object.entries(found.metadata)) say(`metadata ${oneLine(name)}`, value)
  say(
    'has below it',
    Object.entries(children)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  )
  say('version', String(found.version))
  for (const event of events.toReversed()) terminal.out(`  ${oneLine(eventLine(event))}\n`)
}

function eventLine({ timestamp, event_type: type, actor, rule, reason }: EventItem): string {
  return [timestamp, type, rule, actor && `by ${actor}`, reason && `(${reason})`].filter(Boolean).join(' ')
}

interface Explained {
  readonly service_type: string
  readonly service_id: string
  readonly status: string | null
  readonly health: string | null
  readonly findings: readonly {
    readonly what: string
    readonly evidence: string | null
    readonly next: string | null
  }[]
  readonly events: readonly EventItem[]
}

async function explain(run: Run, type: string, id: string): Promise<number> {
  const { terminal } = run
  await using client = await openClient(run)
  const found = await client.get<Explained>(`${pathOf(type, id)}/explain`)
  if (run.globals.output === 'json') printJson(terminal, found)
  else {
    for (const { what, evidence, next } of found.findings) {
      terminal.out(`${terminal.paint('bold', oneLine(what))}\n`)
      if (evidence !== null) terminal.out(`  ${oneLine(evidence)}\n`)
      if (next !== null) terminal.out(`  next: ${oneLine(next)}\n`)
    }
    for (const event of found.events.toReversed()) terminal.out(`  ${oneLine(eventLine(event))}\n`)
  }
  return found.status === null ? exitCodes.failed : exitCodes.ok
}

interface Node {
  readonly service_type: string
  readonly service_id: string
  readonly checker_kind: string | null
  readonly status: string
  readonly health: string
  readonly children: number
}
type Branch = Node & { readonly below?: readonly Branch[] }

async function tree(
  run: Run,
  type: string | undefined,
  id: string | undefined,
  { depth, limit }: { readonly depth: number; readonly limit: number },
): Promise<number> {
  if (type !== undefined && id === undefined) throw new AppError('request.invalid', `name the ${type}, too`)
  await using client = await openClient(run)
  const parent = type === undefined || id === undefined ? undefined : `${type}/${id}`
  const branches = await grow(client, parent, depth, limit)
  if (run.globals.output === 'json') printJson(run.terminal, branches)
  else printBranches(run, branches, '')
  return exitCodes.ok
}

async function grow(client: Client, parent: string | undefined, depth: number, limit: number): Promise<Branch[]> {
  const { items } = await readPages<Node>(client, `${base}/tree`, { parent }, limit)
  const branches: Branch[] = []
  for (const node of items) {
    const deeper = depth > 1 && node.children > 0
    const below = deeper ? await grow(client, `${node.service_type}/${node.service_id}`, depth - 1, limit) : undefined
    branches.push(below === undefined ? node : { ...node, below })
  }
  return branches
}

function printBranches(run: Run, branches: readonly Branch[], indent: string): void {
  const { terminal } = run
  for (const {
    service_type: type,
    service_id: id,
    checker_kind: kind,
    status,
    health,
    children,
    below = [],
  } of branches) {
    const word = status === 'active' && health !== 'healthy' ? `${status}, ${health}` : status
    const about = [kind, terminal.paint(styleOf(status) ?? 'dim', word)].filter(Boolean).join('  ')
    terminal.out(`${indent}${oneLine(`${type} ${id}`)}  ${about}\n`)
    printBranches(run, below, `${indent}  `)
    if (children > below.length) terminal.out(`${indent}  and ${children - below.length} more\n`)
  }
}

interface Stats {
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly late: Readonly<Record<string, number>>
  readonly stuck_pending: { readonly count: number }
  readonly preservation: readonly { readonly group: string; readonly silent: number; readonly active: number }[]
  readonly quarantined: number
}

const statuses = ['pending', 'active', 'inactive', 'revoked', 'deleted'] as const

async function stats(run: Run): Promise<number> {
  await using client = await openClient(run)
  const found = await client.get<Stats>(`${base}/stats`)
  const columns: readonly Column<string>[] = [
    { name: 'TYPE', value: (type) => type },
    ...statuses.map((status) => {
      return { name: status.toUpperCase(), value: (type: string) => found.counts[type]?.[status] ?? 0 }
    }),
    { name: 'LATE', value: (type) => found.late[type] ?? 0 },
  ]
  show(run, columns, Object.keys(found.counts), found)
  const { stuck_pending: stuck, quarantined, preservation } = found
  const { err } = run.terminal
  if (stuck.count > 0) err(`${stuck.count} pending for too long; regista services ls --status pending\n`)
  if (quarantined > 0) err(`${counted(quarantined, 'sender')} in quarantine; regista services quarantine ls\n`)
  for (const { group, silent, active } of preservation) {
    err(`${oneLine(group)} is held: ${silent} of ${active} fell silent; regista services preservation ls\n`)
  }
  return exitCodes.ok
}
