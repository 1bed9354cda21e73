import type { HoldRow } from '../engine/tables.ts'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client } from './client.ts'
import { examples, exitCodes, printJson, show, type Declare, type Run } from './command.ts'
import type { Column } from './table.ts'

interface ReleaseOptions {
  readonly list?: true
  readonly all?: true
  readonly sync?: string
  readonly reason?: string
}

export const declareRelease: Declare = (program, act) => {
  program
    .command('release [id...]')
    .description('Let held changes go')
    .option('--list', 'Only list what is held')
    .option('--all', 'Everything that is held now; what is held meanwhile is not agreed to')
    .option('--sync <name>', 'With --all and --list: only of this sync')
    .option('--reason <reason>', 'With --all and --list: only what is held for this reason')
    .addHelpText(
      'after',
      examples(
        ['regista release --list', 'what is held, and why'],
        ['regista release 3f9a21c4', 'one change'],
        ['regista release --all --sync catalog --reason removal-budget', 'the removals of one sync'],
      ),
    )
    .action(act(release))
}

/** Ids that one request takes. */
const mostIds = 1000

async function release(run: Run, ids: readonly string[], options: ReleaseOptions): Promise<number> {
  const ways = [ids.length > 0, options.all, options.list].filter(Boolean).length
  if (ways !== 1) throw new AppError('request.invalid', 'name ids, or give --all or --list')
  await using client = await openClient(run)
  const { sync, reason } = options
  const wanted = ids.length > 0 ? ids : await client.list<HoldRow>('/api/v1/holds', { sync, reason })
  if (options.list === true) {
    show(run, columns, wanted as readonly HoldRow[])
    return exitCodes.ok
  }
  const done = await releaseAll(
    client,
    wanted.map((one) => (typeof one === 'string' ? one : one.id)),
  )
  if (run.globals.output === 'json') printJson(run.terminal, done)
  else run.terminal.out(`${done.released.length} released\n`)
  for (const id of done.unknown) run.terminal.err(`${id} holds nothing (any more); \`regista release --list\`\n`)
  if (client.alone && done.released.length > 0)
    run.terminal.err('They go with the next `regista sync` or `regista serve`.\n')
  return done.unknown.length === 0 ? exitCodes.ok : exitCodes.failed
}

async function releaseAll(client: Client, ids: readonly string[]) {
  const done = { released: [] as string[], unknown: [] as string[] }
  for (let from = 0; from < ids.length; from += mostIds) {
    const holds = ids.slice(from, from + mostIds)
    const { released, unknown } = await client.post<typeof done>('/api/v1/holds/release', { holds })
    done.released.push(...released)
    done.unknown.push(...unknown)
  }
  return done
}

const columns: readonly Column<HoldRow>[] = [
  { name: 'ID', value: (row) => row.id },
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'TARGET', value: (row) => row.target },
  { name: 'ACTION', value: (row) => (row.op === 'delete' ? 'remove' : 'put') },
  { name: 'KEY', value: (row) => row.key },
  { name: 'LABEL', value: (row) => row.label },
  { name: 'REASON', value: (row) => row.reason },
  { name: 'UNTIL', value: (row) => (row.until === null ? 'released' : new Date(row.until).toISOString()) },
]
