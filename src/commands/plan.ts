import { InvalidArgumentError } from 'commander'
import type { Plan, PlannedChange } from '../engine/engine.ts'
import { openClient, segment } from './client.ts'
import { counted, examples, exitCodes, show, type Declare, type Run } from './command.ts'
import { withProgress } from './progress.ts'
import { chosenSyncs } from './syncs.ts'
import type { Column } from './table.ts'

export interface PlanOptions {
  readonly allowDeletes?: number
}

export const declarePlan: Declare = (program, act) => {
  program
    .command('plan [sync...]')
    .description('Look everywhere and show what a sync would do; nothing is written')
    .option('--allow-deletes <n>', 'As if absences counted at once and this many removals were agreed to', wholeNumber)
    .addHelpText(
      'after',
      examples(
        ['regista plan', 'every sync; exit code 2 when there is something to do'],
        ['regista plan catalog --output json', 'one of them, for machines'],
      ),
    )
    .action(act(plan))
}

/** What the API answers: the first changes and how many there are. */
interface PlanAnswer extends Plan {
  readonly total: number
}

export async function plan(run: Run, names: readonly string[], options: PlanOptions): Promise<number> {
  await using client = await openClient(run)
  const syncs = await chosenSyncs(client, names)
  const ask = (sync: string) => client.post<PlanAnswer>(`/api/v1/syncs/${segment(sync)}/plan`, options)
  const answers = await withProgress(run, 'looking', Promise.all(syncs.map(ask)))
  const plans = answers.map((answer, i) => ({ sync: syncs[i]!, ...answer }))
  show(
    run,
    columns,
    plans.flatMap(({ sync, changes }) => changes.map((change) => ({ sync, ...change }))),
    plans,
  )
  for (const { sync, total, changes } of plans) {
    if (total > changes.length)
      run.terminal.err(`${sync}: ${counted(total - changes.length, 'change')} more, not shown here\n`)
  }
  const blind = plans.flatMap(({ sync, looked }) => notSeen(looked).map((what) => `${sync}: ${what}`))
  for (const what of blind) run.terminal.err(`${what}; it may need changes that are not shown\n`)
  if (blind.length > 0) return exitCodes.failed
  return plans.some(({ total }) => total > 0) ? exitCodes.pending : exitCodes.ok
}

/** What a pass could not look at, in words. */
export function notSeen({ scopes, targets, unread }: Plan['looked']): string[] {
  const source =
    scopes.unavailable === 0 ? [] : [`${counted(scopes.unavailable, 'scope')} of the source could not be read`]
  const away = targets.filter(({ state }) => state === 'unavailable')
  const set = unread === null ? [] : [`targets could not be read: ${unread}`]
  return [...source, ...set, ...away.map(({ target, detail }) => `target ${target}: ${detail ?? 'does not answer'}`)]
}

const columns: readonly Column<PlannedChange & { readonly sync: string }>[] = [
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'TARGET', value: (row) => row.target },
  {
    name: 'ACTION',
    value: (row) => (row.op === 'delete' ? 'remove' : row.from === null ? 'add' : 'change'),
    style: (row) => (row.op === 'delete' ? 'red' : row.from === null ? 'green' : 'yellow'),
  },
  { name: 'KEY', value: (row) => row.key },
  { name: 'LABEL', value: (row) => row.label },
  { name: 'REASON', value: (row) => row.reason },
  { name: 'HOLD', value: (row) => row.hold, style: (row) => (row.hold === null ? undefined : 'yellow') },
]

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(text)
}
