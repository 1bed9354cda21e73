import type { PassReport, TargetReport } from '../engine/engine.ts'
import type { HoldRow } from '../engine/tables.ts'
import { openClient, segment, type Client } from './client.ts'
import { counted, examples, exitCodes, show, type Declare, type Run } from './command.ts'
import { notSeen, plan, wholeNumber, type PlanOptions } from './plan.ts'
import { withProgress } from './progress.ts'
import { chosenSyncs } from './syncs.ts'
import type { Column } from './table.ts'

interface SyncOptions extends PlanOptions {
  readonly dryRun?: true
}

export const declareSync: Declare = (program, act) => {
  program
    .command('sync [sync...]')
    .description('Run one whole pass now and wait for it')
    .option('--allow-deletes <n>', 'Believe absences at once and let this many removals pass', wholeNumber)
    .option('--dry-run', 'Only show what it would do, as plan does')
    .addHelpText(
      'after',
      examples(
        ['regista sync', 'every sync; exit code 1 when not all is well afterwards'],
        ['regista sync catalog --allow-deletes 12', 'one of them, agreeing to 12 removals'],
        ['regista sync --dry-run', 'what it would do; exit codes as of plan'],
      ),
    )
    .action(
      act((run, names: string[], { dryRun, ...options }: SyncOptions) =>
        dryRun === true ? plan(run, names, options) : sync(run, names, options),
      ),
    )
}

async function sync(run: Run, names: readonly string[], options: PlanOptions): Promise<number> {
  await using client = await openClient(run)
  const syncs = await chosenSyncs(client, names)
  const ask = (name: string) => client.post<PassReport>(`/api/v1/syncs/${segment(name)}/sync`, options)
  const reports = await withProgress(run, `syncing ${syncs.join(', ')}`, Promise.all(syncs.map(ask)))
  const rows = reports.flatMap((report) => report.targets.map((target) => ({ sync: report.sync, ...target })))
  show(run, columns, rows, reports)
  for (const report of reports.filter(({ ok }) => !ok)) {
    for (const line of await whyNot(client, report)) run.terminal.err(`${report.sync}: ${line}\n`)
  }
  return reports.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.failed
}

/** Each thing that is not as it should be, with the next step. */
async function whyNot(client: Client, report: PassReport): Promise<string[]> {
  const { sync: name, entries, targets } = report
  const lines = notSeen(report)
  if (entries.troubles > 0)
    lines.push(`not readable: ${entries.troubles} of the entries; \`regista status ${name}\` names them`)
  const sum = (of: 'rejected' | 'failed' | 'held') => targets.reduce((total, target) => total + target[of], 0)
  if (sum('rejected') + sum('failed') > 0) {
    lines.push(
      `${counted(sum('rejected'), 'change')} refused, ${sum('failed')} failed; \`regista status ${name}\` says why`,
    )
  }
  if (sum('held') > 0) lines.push(await whyHeld(client, name))
  if (targets.some(({ state }) => state === 'skipped'))
    lines.push(`it is paused; \`regista resume ${name}\` lets it go on`)
  return lines
}

async function whyHeld(client: Client, name: string): Promise<string> {
  const holds = await client.list<HoldRow>('/api/v1/holds', { sync: name })
  const removals = holds.filter(({ reason }) => reason === 'removal-budget' || reason === 'source-empty').length
  const agree = `\`regista release --all --sync ${name}\` lets them go`
  if (removals === 0) return `${counted(holds.length, 'change')} held; ${agree}`
  return `${counted(holds.length, 'change')} held, of them ${counted(removals, 'removal')}; ${agree}, or sync with --allow-deletes ${removals}`
}

const columns: readonly Column<TargetReport & { readonly sync: string }>[] = [
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'TARGET', value: (row) => row.target },
  { name: 'STATE', value: (row) => row.state, style: (row) => (row.state === 'ok' ? 'green' : 'red') },
  { name: 'APPLIED', value: (row) => row.applied },
  { name: 'ADOPTED', value: (row) => row.adopted },
  { name: 'DRIFTED', value: (row) => row.drifted },
  { name: 'WAITING', value: (row) => row.waiting },
  { name: 'REJECTED', value: (row) => row.rejected, style: (row) => (row.rejected > 0 ? 'red' : undefined) },
  { name: 'FAILED', value: (row) => row.failed, style: (row) => (row.failed > 0 ? 'red' : undefined) },
  { name: 'HELD', value: (row) => row.held, style: (row) => (row.held > 0 ? 'yellow' : undefined) },
]
