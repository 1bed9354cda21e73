/** Of `regista images`: the list of stages, one of them, and what happened to it. */
import { Option, type Command } from 'commander'
import { openClient } from './client.ts'
import { examples, exitCodes, printJson, show, type Act, type Run } from './command.ts'
import { base, isTroubled, keyOf, pathOf, stageName, type Stage, type StageName } from './images-client.ts'
import { moment } from './moment.ts'
import { wholeNumber } from './plan.ts'
import type { Column } from './table.ts'
import { oneLine, type Style } from './terminal.ts'

interface ListOptions {
  readonly project?: string
  readonly registry?: string
  readonly image?: string
  readonly deployer?: string
  readonly result?: string
  readonly state?: string
  readonly limit?: number
}

const states = ['nothing', 'pending', 'held', 'deploying', 'deployed', 'rejected', 'failed', 'unsure']

export function declareImagesList(group: Command, act: Act): void {
  group
    .command('ls')
    .description('List stages: what runs there, what was seen, and how its deploy stands')
    .option('--project <name>', 'Only of this project')
    .option('--registry <name>', 'Only of this registry')
    .option('--image <name>', 'Only of this image')
    .option('--deployer <name>', 'Only of this deployer')
    .option('--result <result>', 'Whose last look came to this: unchanged, new, no_match, unreachable …')
    .addOption(new Option('--state <state>', 'Whose deploy stands like this').choices(states))
    .option('-n, --limit <n>', 'At most this many', wholeNumber)
    .addHelpText(
      'after',
      examples(
        ['regista images ls --project shop', 'all stages of one project'],
        ['regista images ls --state held', 'what waits for somebody, and why'],
        ['regista images ls --result unreachable --output json', 'for programs'],
      ),
    )
    .action(
      act(async (run, { limit, ...filters }: ListOptions) => {
        await using client = await openClient(run)
        show(run, columnsOf(run), await client.list<Stage>(`${base}/stages`, { ...filters }, limit))
        return exitCodes.ok
      }),
    )
  group
    .command('get')
    .description('Show one stage: what was seen, what is wanted, what runs there, what waits and why')
    .argument('<project/stage>', '', stageName)
    .addHelpText('after', examples(['regista images get shop/production', 'all that is known of it']))
    .action(
      act(async (run, name: StageName) => {
        await using client = await openClient(run)
        const found = await client.get<Stage>(pathOf(name))
        if (run.globals.output === 'json') printJson(run.terminal, found)
        else printStage(run, found)
        return exitCodes.ok
      }),
    )
  group
    .command('history')
    .description('Show what happened to a stage, the newest last')
    .argument('<project/stage>', '', stageName)
    .option('--type <type>', 'Only of this type; a noun with a dot for all of it: delivery., stage.')
    .option('-n, --limit <n>', 'At most this many', wholeNumber, 50)
    .addHelpText(
      'after',
      examples(['regista images history shop/production --type delivery.', 'what became of deploys']),
    )
    .action(
      act(async (run, name: StageName, { limit, type }: { readonly limit: number; readonly type?: string }) => {
        await using client = await openClient(run)
        const events = await client.list<EventItem>(`${pathOf(name)}/history`, { type }, limit)
        show(run, eventColumns, events.toReversed())
        return exitCodes.ok
      }),
    )
}

const styles: Readonly<Record<string, Style>> = {
  deployed: 'green',
  deploying: 'yellow',
  pending: 'yellow',
  held: 'yellow',
  unsure: 'yellow',
  nothing: 'dim',
  rejected: 'red',
  failed: 'red',
}

export const styleOf = (state: string): Style | undefined => styles[state]

function columnsOf({ clock, terminal }: Run): readonly Column<Stage>[] {
  const time = (text: string | null) => moment(text === null ? null : Date.parse(text), clock.now(), terminal)
  return [
    { name: 'STAGE', value: keyOf },
    { name: 'RUNS', value: (row) => row.deployed?.tag },
    { name: 'WANTED', value: (row) => (row.pin === null ? row.seen?.tag : `${row.pin.tag} (pinned)`) },
    { name: 'STATE', value: (row) => row.state, style: (row) => styleOf(row.state) },
    { name: 'RESULT', value: (row) => row.result, style: (row) => (isTroubled(row) ? 'yellow' : undefined) },
    { name: 'POLLED', value: (row) => time(row.last_polled_at) },
    { name: 'IMAGE', value: (row) => row.reference ?? row.image },
    { name: 'DEPLOYER', value: (row) => row.deployer },
    { name: 'WHY', value: (row) => row.why?.split('\n')[0] },
  ]
}

/** Digests are long, and their beginnings tell them apart. */
const named = ({ tag, digest }: { readonly tag: string | null; readonly digest: string | null }) =>
  [tag, digest && `(${digest.slice(0, 19)}…)`].filter(Boolean).join(' ')

export function printStage({ terminal, clock }: Run, stage: Stage): void {
  const say = (name: string, value: string | null | undefined) => {
    if (value === null || value === undefined || value === '') return
    // What a program printed has lines.
    const [first = '', ...more] = value.split('\n')
    terminal.out(`  ${name}: ${oneLine(first)}\n`)
    for (const line of more) terminal.out(`    ${oneLine(line)}\n`)
  }
  const time = (text: string | null) => moment(text === null ? null : Date.parse(text), clock.now(), terminal)
  const by = (who: { readonly by: string; readonly at: string; readonly reason: string | null }) =>
    `by ${who.by}, ${time(who.at)}${who.reason === null ? '' : ` (${who.reason})`}`
  const { definition, deployed, seen, candidate, previous, baseline, pin, paused, approvals, holds, progress } = stage
  const title = terminal.paint('bold', oneLine(keyOf(stage)))
  terminal.out(`${title}  ${terminal.paint(styleOf(stage.state) ?? 'dim', stage.state)}\n`)
  say('why', stage.why)
  say('next', stage.next)
  say('image', stage.reference ?? `${stage.image} of ${stage.registry}`)
  say(
    'tags',
    [[definition['pattern']].flat().join(', ') || 'every', definition['strategy'], definition['range']]
      .filter(Boolean)
      .join(', '),
  )
  say('deployed', deployed && `${named(deployed)}${deployed.at === null ? '' : `, ${time(deployed.at)}`}`)
  say('as', deployed && [deployed.ref, deployed.detail].filter(Boolean).join(', '))
  say('candidate', candidate && named(candidate))
  say('previous', previous && named(previous))
  say('seen', seen && named(seen))
  say('baseline', baseline && named(baseline))
  say('pinned', pin && `${named(pin)} ${by(pin)}`)
  say('paused', paused && by(paused))
  say(
    'approved',
    approvals && [`${approvals.by.length} of ${approvals.needed}`, ...approvals.by.map(({ name }) => name)].join(', '),
  )
  say('now', progress && `${progress.step}, since ${time(progress.since)}`)
  for (const hold of holds) {
    say('held', `${hold.why}${hold.until === null ? '' : `, until ${time(hold.until)}`}; ${hold.next} (${hold.id})`)
  }
  say('last look', stage.result && `${stage.result}, ${time(stage.last_polled_at) ?? 'some time ago'}`)
  say('detail', stage.detail)
  say('next look', time(stage.next_poll_at))
  say('slowed down', stage.slowed_down ? 'a webhook tells of it' : null)
  say('retry', stage.retry_at && `${time(stage.retry_at)}, after ${stage.attempts}`)
  say('deployer', stage.deployer)
  say('defined by', stage.owner)
}

interface EventItem {
  readonly seq: number
  readonly at: string
  readonly type: string
  readonly tag: string | null
  readonly reason: string | null
  readonly by: string | null
  readonly detail: string | null
}

const eventColumns: readonly Column<EventItem>[] = [
  { name: 'TIME', value: (row) => row.at },
  { name: 'SEQ', value: (row) => row.seq },
  { name: 'TYPE', value: (row) => row.type },
  { name: 'TAG', value: (row) => row.tag },
  { name: 'REASON', value: (row) => row.reason },
  { name: 'BY', value: (row) => row.by },
  { name: 'DETAIL', value: (row) => row.detail?.split('\n')[0] },
]
