import type { Event } from '../engine/journal.ts'
import type { DeliveryRow, EntryRow, HoldRow } from '../engine/tables.ts'
import { isoTime } from '../kernel/clock.ts'
import { openClient } from './client.ts'
import { examples, exitCodes, printJson, type Declare, type Run } from './command.ts'
import { oneLine } from './terminal.ts'

/** What the API answers. */
interface Explained {
  readonly key: string
  readonly syncs: readonly {
    readonly sync: string
    readonly state: string
    readonly entries: readonly EntryRow[]
    readonly targets: readonly {
      readonly target: string
      readonly sentence: string
      readonly delivery: DeliveryRow | null
      readonly reasonText: string | null
      readonly hold: HoldRow | null
    }[]
    /** The newest first. */
    readonly events: readonly Event[]
  }[]
}

export const declareExplain: Declare = (program, act) => {
  program
    .command('explain <key>')
    .description('Say what is known of one key: what sources say, what each target holds, why, and what comes next')
    .option('--sync <name>', 'Only in this sync')
    .addHelpText('after', examples(['regista explain chora.mail.delivery', 'in every sync that knows it']))
    .action(act(explain))
}

async function explain(run: Run, key: string, options: { readonly sync?: string }): Promise<number> {
  await using client = await openClient(run)
  const found = await client.get<Explained>('/api/v1/explain', { key, ...options })
  if (run.globals.output === 'json') printJson(run.terminal, found)
  else for (const sync of found.syncs) printSync(run, sync)
  if (found.syncs.length > 0) return exitCodes.ok
  run.terminal.err(`regista: no sync ever heard of ${oneLine(key)}; \`regista history\` shows keys as they change\n`)
  return exitCodes.failed
}

function printSync({ terminal }: Run, { sync, state, entries, targets, events }: Explained['syncs'][number]): void {
  const say = (text: string) => terminal.out(`${oneLine(text)}\n`)
  terminal.out(`${terminal.paint('bold', oneLine(sync))}${state === 'active' ? '' : ` (${state})`}\n`)
  for (const { scope, state: itsState, label, origin } of entries) {
    const where = [scope === '' ? null : `scope ${scope}`, origin].filter((part) => part !== null).join(', ')
    say(`  source: ${itsState}, ${label}${where === '' ? '' : ` (${where})`}`)
  }
  if (entries.length === 0) say('  source: does not have it')
  for (const { target, sentence, reasonText, hold } of targets) {
    say(`  ${target}: ${sentence}`)
    if (reasonText !== null) say(`    reason: ${reasonText}`)
    if (hold !== null) say(`    to let it go: regista release ${hold.id}`)
  }
  for (const { at, type, target, reason } of events.toReversed()) {
    say(`  ${isoTime(at)} ${[type, target, reason].filter((part) => part !== undefined && part !== null).join(' ')}`)
  }
}
