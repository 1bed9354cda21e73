/** Of `regista images`: webhooks, and what can be changed for all stages. */
import type { Command } from 'commander'
import { openClient } from './client.ts'
import { counted, examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { base } from './images-client.ts'
import { moment } from './moment.ts'
import { printTable, type Column } from './table.ts'

export function declareImagesHouse(group: Command, act: Act): void {
  group
    .command('hooks')
    .description('List who may send webhooks, what became of them, and what was told of images that no stage follows')
    .action(act(hooks))
  group
    .command('settings')
    .description('Show what can be changed for all stages while Regista runs, or change it')
    .option(
      '--poll-interval <length>',
      'How often stages without a schedule are polled: 30s, 5m; default: as configured',
    )
    .addHelpText(
      'after',
      examples(
        ['regista images settings', 'what is in force'],
        ['regista images settings --poll-interval 1m', 'at once, and over restarts'],
        ['regista images settings --poll-interval default', 'as the configuration has it'],
      ),
    )
    .option('--dry-run', 'Only say what it would do')
    .action(act(settings))
}

interface Hook {
  readonly name: string
  readonly type: string
  readonly registry: string
  readonly proof: string
  readonly path: string | null
  readonly last_at: string | null
  readonly last_error: { readonly at: string; readonly detail: string } | null
  readonly counts: Readonly<Record<string, number>>
}

interface Unmatched {
  readonly hook: string
  readonly at: string
  readonly registry: string | null
  readonly image: string
  readonly tag: string | null
}

async function hooks(run: Run): Promise<number> {
  await using client = await openClient(run)
  const found = await client.get<{ items: Hook[]; unmatched: Unmatched[] }>(`${base}/hooks`)
  show(run, hookColumns(run), found.items, found)
  if (found.unmatched.length === 0 || run.globals.output === 'json') return exitCodes.ok
  run.terminal.out('\n')
  printTable(run.terminal, unmatchedColumns, found.unmatched)
  run.terminal.err(`${counted(found.unmatched.length, 'event')} of images that no stage follows\n`)
  return exitCodes.ok
}

function hookColumns({ clock, terminal }: Run): readonly Column<Hook>[] {
  const time = (text: string | null) => moment(text === null ? null : Date.parse(text), clock.now(), terminal)
  return [
    { name: 'HOOK', value: (row) => row.name },
    { name: 'TYPE', value: (row) => row.type },
    { name: 'REGISTRY', value: (row) => row.registry },
    { name: 'PROOF', value: (row) => row.proof },
    { name: 'ADDRESS', value: (row) => row.path ?? 'secret' },
    { name: 'LAST', value: (row) => time(row.last_at) },
    {
      name: 'EVENTS',
      value: (row) =>
        Object.entries(row.counts)
          .filter(([, count]) => count > 0)
          .map(([outcome, count]) => `${outcome} ${count}`)
          .join(', '),
    },
    { name: 'LAST ERROR', value: (row) => row.last_error && `${time(row.last_error.at)}: ${row.last_error.detail}` },
  ]
}

const unmatchedColumns: readonly Column<Unmatched>[] = [
  { name: 'AT', value: (row) => row.at },
  { name: 'HOOK', value: (row) => row.hook },
  { name: 'REGISTRY', value: (row) => row.registry },
  { name: 'IMAGE', value: (row) => row.image },
  { name: 'TAG', value: (row) => row.tag },
]

interface Settings {
  readonly poll_interval: string
  readonly configured: { readonly poll_interval: string }
}

interface SettingsOptions {
  readonly pollInterval?: string
  readonly dryRun?: true
}

async function settings(run: Run, { pollInterval, dryRun }: SettingsOptions): Promise<number> {
  await using client = await openClient(run)
  const path = `${base}/settings`
  const change = pollInterval !== undefined && dryRun !== true
  const found = change
    ? await client.put<Settings>(path, { poll_interval: pollInterval === 'default' ? null : pollInterval })
    : await client.get<Settings>(path)
  if (run.globals.output === 'json') printJson(run.terminal, found)
  else {
    const rows = [{ name: 'poll_interval', now: found.poll_interval, configured: found.configured.poll_interval }]
    printTable(run.terminal, settingColumns, rows)
  }
  if (dryRun === true && pollInterval !== undefined) {
    run.terminal.err(
      `poll_interval would be ${pollInterval === 'default' ? found.configured.poll_interval : pollInterval}\n`,
    )
  }
  return exitCodes.ok
}

const settingColumns: readonly Column<{ readonly name: string; readonly now: string; readonly configured: string }>[] =
  [
    { name: 'SETTING', value: (row) => row.name },
    { name: 'NOW', value: (row) => row.now },
    { name: 'CONFIGURED', value: (row) => row.configured },
  ]
