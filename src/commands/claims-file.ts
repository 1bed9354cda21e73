/** Of `regista claims`: what is about the registry file. */
import { Option, type Command } from 'commander'
import type { TargetReport } from '../engine/engine.ts'
import { AppError } from '../kernel/errors.ts'
import { openClient } from './client.ts'
import { counted, examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { withProgress } from './progress.ts'
import type { Column } from './table.ts'
import { oneLine } from './terminal.ts'

/** What the API answers. */
interface Unmatched {
  readonly target: string
  readonly key: string
  readonly cluster: string
  readonly claimRef: string
  readonly group?: string
  readonly kind?: string
  readonly reason: string
  readonly detail: string | null
}

interface Preview {
  readonly target: string
  readonly path: string
  readonly changes: number
  readonly diff: string
  readonly unmatched: readonly string[]
  readonly ambiguous: Readonly<Record<string, string>>
}

const reasons = ['unmatched', 'ambiguous', 'entry-locked'] as const

export function declareClaimsFile(group: Command, act: Act): void {
  group
    .command('unmatched')
    .description('List claims that the registry has no entry for, or no clear one, as of the last pass')
    .addOption(new Option('--reason <reason>', 'Only for this reason').choices(reasons))
    .action(
      act(async (run, filters: { readonly reason?: string }) => {
        await using client = await openClient(run)
        show(run, unmatchedColumns, await asked(client.list<Unmatched>('/api/v1/unmatched', { ...filters })))
        return exitCodes.ok
      }),
    )
  group
    .command('preview')
    .description('Print the diff that would be proposed now; nothing is written')
    .option('--target <name>', 'Only of this registry file')
    .addHelpText('after', examples(['regista claims preview | git apply --check', 'the diff, as git takes it']))
    .action(act(preview))
  group
    .command('reconcile')
    .description('Compare and propose now, without waiting for the interval; exit code 1 when not all is well')
    .action(act(reconcile))
}

async function preview(run: Run, { target }: { readonly target?: string }): Promise<number> {
  const { terminal, globals } = run
  await using client = await openClient(run)
  const { items } = await asked(client.get<{ items: Preview[] }>('/api/v1/preview', { format: 'json', target }))
  if (globals.output === 'json') {
    printJson(terminal, items)
    return exitCodes.ok
  }
  for (const { diff } of items) terminal.out(terminal.screen ? coloured(run, diff) : diff)
  for (const item of items) terminal.err(`${oneLine(`${item.target}: ${summaryOf(item)}`)}\n`)
  return exitCodes.ok
}

function summaryOf({ path, changes, unmatched, ambiguous }: Preview): string {
  const unclear = Object.keys(ambiguous).length
  const parts = [
    changes === 0 ? `nothing to propose in ${path}` : `${counted(changes, 'claim')} to change in ${path}`,
    ...(unmatched.length > 0 ? [`${unmatched.length} without an entry`] : []),
    ...(unclear > 0 ? [`${unclear} without a clear one`] : []),
  ]
  const more = parts.length > 1 ? ' (`regista claims unmatched` lists them)' : ''
  return `${parts.join(', ')}${more}`
}

/** For people: what clusters say may hold anything, and must not move their cursor. */
function coloured({ terminal }: Run, diff: string): string {
  const lines = diff.split('\n').map((line) => {
    const text = oneLine(line)
    if (/^(?:---|\+\+\+|@@) /.test(text)) return terminal.paint('bold', text)
    if (text.startsWith('+')) return terminal.paint('green', text)
    return text.startsWith('-') ? terminal.paint('red', text) : text
  })
  return lines.join('\n')
}

type Report = Pick<TargetReport, 'target' | 'state' | 'why' | 'detail' | 'applied' | 'waiting'> &
  Pick<TargetReport, 'held' | 'rejected' | 'failed'>

async function reconcile(run: Run): Promise<number> {
  await using client = await openClient(run)
  const done = asked(client.post<{ ok: boolean; targets: Report[] }>('/api/v1/reconcile'))
  const answer = await withProgress(run, 'comparing claims with the registry', done)
  show(run, reportColumns, answer.targets, answer)
  return answer.ok ? exitCodes.ok : exitCodes.failed
}

export function noSection(): AppError {
  return new AppError('request.not-found', 'the configuration has no section claims; docs/claims.md shows one')
}

/** Another "not found" is the collector's own, and says what is missing. */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (thrown) {
    // Routes come with the section.
    const missing = thrown instanceof AppError && thrown.code === 'request.not-found'
    throw missing && thrown.detail.startsWith('There is nothing at ') ? noSection() : thrown
  }
}

const unmatchedColumns: readonly Column<Unmatched>[] = [
  { name: 'CLUSTER', value: (row) => row.cluster },
  { name: 'CLAIM', value: (row) => row.claimRef },
  { name: 'KIND', value: (row) => row.kind },
  { name: 'REASON', value: (row) => row.reason, style: () => 'yellow' },
  { name: 'TARGET', value: (row) => row.target },
  { name: 'DETAIL', value: (row) => row.detail },
]

const reportColumns: readonly Column<Report>[] = [
  { name: 'TARGET', value: (row) => row.target },
  { name: 'STATE', value: (row) => row.state, style: (row) => (row.state === 'ok' ? 'green' : 'red') },
  { name: 'APPLIED', value: (row) => row.applied },
  { name: 'WAITING', value: (row) => row.waiting },
  { name: 'HELD', value: (row) => row.held, style: (row) => (row.held > 0 ? 'yellow' : undefined) },
  { name: 'REJECTED', value: (row) => row.rejected, style: (row) => (row.rejected > 0 ? 'red' : undefined) },
  { name: 'FAILED', value: (row) => row.failed, style: (row) => (row.failed > 0 ? 'red' : undefined) },
  { name: 'DETAIL', value: (row) => row.detail },
]
