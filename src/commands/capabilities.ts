import { Option, type Command } from 'commander'
import { declareValidateManifests } from './capabilities-validate.ts'
import { openClient, segment, type Client } from './client.ts'
import { counted, examples, exitCodes, printJson, show, type Act, type Declare, type Run } from './command.ts'
import type { Column } from './table.ts'
import { targetsColumn } from './targets-column.ts'
import { oneLine } from './terminal.ts'

/** What the API answers. */
interface Item {
  readonly id: string
  readonly sync: string
  readonly type: string
  readonly version: string
  readonly domain: string | null
  readonly title: string | null
  readonly metadata: Readonly<Record<string, unknown>>
  readonly dependencies: readonly {
    readonly capability: string
    readonly relationship: string
    readonly version: string
  }[]
  readonly file: string | null
  readonly commit: string | null
  readonly targets: Readonly<Record<string, string>>
  readonly syncs: readonly string[]
}

interface Dependent {
  readonly id: string
  readonly sync: string
  readonly type: string
  readonly version: string
  readonly distance: number
  readonly relationship: string | null
  readonly constraint: string | null
  readonly met: boolean | null
}

interface ListOptions {
  readonly type?: string
  readonly domain?: string
  readonly dependency?: string
  readonly sync?: string
  readonly q?: string
}

const path = '/api/v1/capabilities'

export const declareCapabilities: Declare = (program, act) => {
  const group = program
    .command('capabilities')
    .description('Check manifests of capabilities; look up what there is and what requires it')
    .addHelpText(
      'after',
      examples(
        ['regista capabilities validate capabilities/', 'what is wrong with the manifests of a folder'],
        ['regista capabilities list --type service --domain mail', 'what there is'],
        ['regista capabilities show chora.mail.delivery', 'all that is known of one'],
        ['regista capabilities dependents chora.mail.delivery --transitive', 'who requires it'],
        ['regista capabilities graph --format dot | dot -Tsvg > capabilities.svg', 'a picture'],
      ),
    )
  declareValidateManifests(group, act)
  declareLists(group, act)
  group
    .command('show <id>')
    .description('Show one capability: its manifest, what it requires, and how its deliveries are')
    .option('--sync <name>', 'Of this sync, where several have it')
    .action(act(showOne))
  group
    .command('graph')
    .description('Print what requires what')
    .addOption(
      new Option('--format <name>', 'For Graphviz, for Mermaid, or for programs')
        .choices(['dot', 'mermaid', 'json'])
        .default('mermaid'),
    )
    .option('--sync <name>', 'Only of this sync')
    .action(act(graph))
}

function declareLists(group: Command, act: Act): void {
  group
    .command('list')
    .description('List capabilities that sources say exist')
    .option('--type <type>', 'Only of this type: service, pattern')
    .option('--domain <domain>', 'Only of this domain, the second part of the identifier')
    .option('--dependency <id>', 'Only those that require this one')
    .option('--sync <name>', 'Only of this sync')
    .option('--search <text>', 'Only with this text in identifier, title or description')
    .action(
      act(async (run, { search, ...filters }: ListOptions & { search?: string }) => {
        await using client = await openClient(run)
        show(run, columns, await client.list<Item>(path, { ...filters, ...(search !== undefined && { q: search }) }))
        return exitCodes.ok
      }),
    )
  group
    .command('dependents <id>')
    .description('List what requires one capability, the nearest first')
    .option('--transitive', 'Through others, too')
    .option('--sync <name>', 'Only of this sync')
    .action(
      act(async (run, id: string, options: { transitive?: true; sync?: string }) => {
        await using client = await openClient(run)
        const found = await client.get<{ items: Dependent[] }>(`${path}/${segment(id)}/dependents`, options)
        show(run, dependentColumns, found.items, found)
        return exitCodes.ok
      }),
    )
}

async function showOne(run: Run, id: string, options: { readonly sync?: string }): Promise<number> {
  await using client = await openClient(run)
  const item = await client.get<Item>(`${path}/${segment(id)}`, options)
  if (run.globals.output === 'json') printJson(run.terminal, item)
  else await printItem(run, client, item)
  return exitCodes.ok
}

async function printItem({ terminal }: Run, client: Client, item: Item): Promise<void> {
  const say = (text: string) => terminal.out(`${oneLine(text)}\n`)
  const { id, type, version, title, sync, file, commit, metadata, dependencies, targets, syncs } = item
  terminal.out(`${terminal.paint('bold', oneLine(id))}  ${oneLine(`${type} ${version}`)}\n`)
  if (title !== null) say(`  ${title}`)
  const { dc_description: description } = metadata
  if (typeof description === 'string') say(`  ${description.trim()}`)
  say(`  from: ${[`sync ${sync}`, file, commit && `commit ${commit}`].filter(Boolean).join(', ')}`)
  for (const other of syncs.filter((one) => one !== sync)) say(`  also in: sync ${other} (--sync ${other})`)
  for (const [target, state] of Object.entries(targets)) say(`  at ${target}: ${state}`)
  for (const { capability, relationship, version: constraint } of dependencies) {
    say(
      `  requires: ${capability} (${[relationship, constraint === '*' ? null : constraint].filter(Boolean).join(' ')})`,
    )
  }
  const { items } = await client.get<{ items: Dependent[] }>(`${path}/${segment(id)}/dependents`, { sync })
  if (items.length > 0) say(`  required by: ${counted(items.length, 'capability').replace(/ys$/, 'ies')}`)
}

async function graph(
  run: Run,
  { format, sync }: { format: 'dot' | 'mermaid' | 'json'; sync?: string },
): Promise<number> {
  await using client = await openClient(run)
  if (run.globals.output === 'json' || format === 'json')
    printJson(run.terminal, await client.get(`${path}/graph`, { sync }))
  else run.terminal.out(await client.text(`${path}/graph`, { format, sync }))
  return exitCodes.ok
}

const columns: readonly Column<Item>[] = [
  { name: 'ID', value: (row) => row.id },
  { name: 'TYPE', value: (row) => row.type },
  { name: 'VERSION', value: (row) => row.version },
  { name: 'REQUIRES', value: (row) => row.dependencies.length },
  { name: 'SYNC', value: (row) => row.sync },
  targetsColumn,
  { name: 'TITLE', value: (row) => row.title },
]

const dependentColumns: readonly Column<Dependent>[] = [
  { name: 'ID', value: (row) => row.id },
  { name: 'TYPE', value: (row) => row.type },
  { name: 'VERSION', value: (row) => row.version },
  { name: 'DISTANCE', value: (row) => row.distance },
  { name: 'RELATIONSHIP', value: (row) => row.relationship },
  {
    name: 'CONSTRAINT',
    value: (row) => (row.met === false ? `${row.constraint} (not met)` : row.constraint),
    style: (row) => (row.met === false ? 'red' : undefined),
  },
  { name: 'SYNC', value: (row) => row.sync },
]
