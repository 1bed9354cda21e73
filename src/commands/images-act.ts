/** Of `regista images`: what people do with stages. */
import { Option, type Command } from 'commander'
import { openClient, segment, type Client } from './client.ts'
import { examples, exitCodes, printJson, type Act, type Run } from './command.ts'
import { isTroubled, keyOf, pathOf, stageName, type Acted, type Stage, type StageName } from './images-client.ts'
import { awaitDeploy } from './images-wait.ts'
import { lengthOf } from './moment.ts'
import { withProgress } from './progress.ts'
import { oneLine } from './terminal.ts'

interface Verb {
  readonly verb: string
  readonly about: string
  readonly options: readonly Option[]
  readonly example: readonly [command: string, what: string]
  /** It has an outcome to wait for. */
  readonly waits?: true
}

const reason = () => new Option('--reason <text>', 'Why; it goes into the history')
const force = () => new Option('--force', 'Also outside of the maintenance windows, and of a paused stage')

const verbs: readonly Verb[] = [
  {
    verb: 'check',
    about: 'Look at the image of a stage now, and wait for it',
    options: [],
    example: ['regista images check shop/production', 'exit code 1 if the newest version cannot be told'],
    waits: true,
  },
  {
    verb: 'approve',
    about: 'Approve the version that waits at a stage',
    options: [],
    example: ['regista images approve shop/production', 'it goes once enough people have'],
    waits: true,
  },
  {
    verb: 'deploy',
    about: 'Deploy what waits at a stage now; with --tag that version, and stay with it',
    options: [new Option('--tag <tag>', 'TAG, or TAG@sha256:…; the stage is pinned to it'), reason(), force()],
    example: ['regista images deploy shop/production --wait', 'exit code 1 if it does not come up, or is held'],
    waits: true,
  },
  {
    verb: 'rollback',
    about: 'Go back to what ran before at a stage, and stay with it',
    options: [new Option('--to <tag>', 'Another version: TAG, or TAG@sha256:…'), reason(), force()],
    example: ['regista images rollback shop/production --reason "ticket 4711"', 'until it is unpinned'],
    waits: true,
  },
  {
    verb: 'unpin',
    about: 'Let a stage follow the newest version again, after a rollback or a deploy of a tag',
    options: [],
    example: ['regista images unpin shop/production', 'the newest version goes by itself again'],
  },
  {
    verb: 'redeploy',
    about: 'Deploy what is wanted at a stage once more',
    options: [force()],
    example: ['regista images redeploy shop/production --wait', 'the same version, a new deploy'],
    waits: true,
  },
  {
    verb: 'pause',
    about: 'Hold every deploy of a stage',
    options: [reason()],
    example: ['regista images pause shop/production --reason audit', 'what is new is seen, and waits'],
  },
  {
    verb: 'resume',
    about: 'Let deploys of a stage go again',
    options: [],
    example: ['regista images resume shop/production', 'what waited meanwhile goes'],
  },
]

const usualTimeout = 30 * 60_000

interface ActOptions {
  readonly tag?: string
  readonly to?: string
  readonly reason?: string
  readonly force?: true
  readonly dryRun?: true
  readonly wait?: true
  readonly timeout?: number
}

export function declareImagesAct(group: Command, act: Act): void {
  for (const { verb, about, options, example, waits } of verbs) {
    const command = group.command(verb).description(about).argument('<project/stage>', '', stageName)
    for (const option of options) command.addOption(option)
    if (waits) {
      command
        .option('--wait', 'Wait until it runs; exit code 1 if it was rolled back, refused or held')
        .option('--timeout <length>', 'How long to wait at most, 30m; the deploy goes on', lengthOf)
    }
    command
      .option('--dry-run', 'Only say what it would do')
      .addHelpText('after', examples(example, [`regista images ${verb} shop/production --dry-run`, 'what it would do']))
      .action(act((run, name: StageName, given: ActOptions) => perform(run, verb, name, given)))
  }
}

async function perform(run: Run, verb: string, name: StageName, options: ActOptions): Promise<number> {
  const { dryRun, wait, timeout = usualTimeout, tag, to, reason: why, force: all } = options
  const { terminal, globals } = run
  await using client = await openClient(run)
  const path = pathOf(name)
  const body = { tag, to, reason: why, force: all, dry_run: dryRun }
  const asked = client.post<Acted>(`${path}/${verb}`, {
    ...body,
    ...(verb === 'approve' && (await shown(client, path))),
  })
  const acted = await withProgress(run, `${verb} ${keyOf(name)}`, asked)
  // Awaited here: the client ends with this function.
  if (wait === true && dryRun !== true) return await settle(run, client, acted, timeout)
  if (globals.output === 'json') printJson(terminal, acted)
  else terminal.out(`${dryRun === true ? 'would be done: ' : ''}${oneLine(acted.what)}\n`)
  if (client.alone && acted.done && (acted.revision !== null || verb === 'check')) {
    const next = `add --wait, run \`regista sync ${acted.stage.deployer}\`, or start \`regista serve\``
    terminal.err(`Nobody serves this state, so that nothing is taken up by itself; ${next}.\n`)
  }
  return verb === 'check' && isTroubled(acted.stage) ? failed(run, acted.stage) : exitCodes.ok
}

/** A person agrees to what is shown, and not to what came meanwhile. */
async function shown(client: Client, path: string): Promise<{ readonly revision?: string }> {
  const { candidate } = await client.get<Stage>(path)
  return candidate === null ? {} : { revision: candidate.revision }
}

async function settle(run: Run, client: Client, done: Acted, timeout: number): Promise<number> {
  const { terminal, globals } = run
  const acted = client.alone && done.revision === null ? await takenUp(client, done) : done
  // Of a look: what it found, if that does not run yet.
  const revision = acted.revision ?? acted.stage.candidate?.revision ?? null
  terminal.err(`${oneLine(acted.what)}\n`)
  const end = revision === null ? null : await awaitDeploy(run, client, acted.stage, revision, timeout)
  const stage = end?.stage ?? acted.stage
  if (globals.output === 'json') printJson(terminal, { ...acted, stage, outcome: end?.outcome ?? null })
  if (end !== null && end.outcome !== 'deployed') return failed(run, stage, end.said)
  if (globals.output !== 'json') terminal.out(`${keyOf(stage)} runs ${stage.deployed?.tag ?? 'nothing of ours'}\n`)
  return isTroubled(stage) && end === null ? failed(run, stage) : exitCodes.ok
}

/** Where nobody serves, what a look found is written down by a pass. */
async function takenUp(client: Client, acted: Acted): Promise<Acted> {
  await client.post(`/api/v1/syncs/${segment(acted.stage.deployer)}/sync`, {})
  return { ...acted, stage: await client.get<Stage>(pathOf(acted.stage)) }
}

function failed({ terminal }: Run, stage: Stage, said: string = stage.why ?? stage.detail ?? stage.state): number {
  for (const line of `${keyOf(stage)}: ${said}`.split('\n')) terminal.err(`${oneLine(line)}\n`)
  if (stage.next !== null) terminal.err(`next: ${oneLine(stage.next)}\n`)
  return exitCodes.failed
}
