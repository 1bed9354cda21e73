/** Of `regista images`: stages that the config file does not have. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { load } from 'js-yaml'
import { AppError } from '../kernel/errors.ts'
import { openClient } from './client.ts'
import { examples, exitCodes, printJson, type Act, type Run } from './command.ts'
import { keyOf, pathOf, stageName, type Stage, type StageName } from './images-client.ts'
import { oneLine } from './terminal.ts'

interface DefineOptions {
  readonly registry?: string
  readonly image?: string
  readonly pattern?: readonly string[]
  readonly strategy?: string
  readonly range?: string
  readonly deployer?: string
  readonly schedule?: string
  readonly window?: readonly string[]
  readonly approval?: true
  readonly file?: string
  readonly dryRun?: boolean
}

export function declareImagesDefine(group: Command, act: Act): void {
  group
    .command('define')
    .description('Define a stage, or change flags of one; what the config file has is changed there')
    .argument('<project/stage>', '', stageName)
    .option('--registry <name>', 'Name of a registry of the configuration')
    .option('--image <name>', 'Repository in it: team/shop')
    .option('--pattern <glob...>', "Globs of tags, of which one must match; '!' before one excludes")
    .option('--strategy <strategy>', 'auto, semver, numeric, alphabetical, pushed, created, digest')
    .option('--range <range>', "SemVer range: '>=1.4 <3'")
    .option('--deployer <name>', 'Name of a deployer of the configuration')
    .option('--schedule <text>', "When to look: '@every 10m', 10m, or a cron line")
    .option('--window <text...>', "Maintenance windows: 'Sat 22:00-02:00 Europe/Berlin'")
    .option('--approval', 'Somebody has to approve each version')
    .option('--file <file>', 'All of it, as the config file has it below the name of the stage; - is stdin')
    .option('--dry-run', 'Only say whether it could be done')
    .addHelpText(
      'after',
      examples(
        [
          "regista images define shop/test --registry forge --image team/shop --pattern 'v*' --deployer local",
          'one stage',
        ],
        ['regista images define shop/test --file stage.yaml', 'in the place of what it was'],
        ['regista images define shop/test --approval', 'the rest stays as it is'],
      ),
    )
    .action(act(define))
  group
    .command('rm')
    .description('Remove a stage; what runs there goes on running')
    .argument('<project/stage>', '', stageName)
    .option('--dry-run', 'Only say whether it could be done')
    .addHelpText('after', examples(['regista images rm shop/test', 'nobody follows its image any more']))
    .action(
      act(async (run, name: StageName, { dryRun = false }: { readonly dryRun?: boolean }) => {
        await using client = await openClient(run)
        await client.delete(pathOf(name), dryRun ? { dry_run: true } : {})
        run.terminal.err(
          `${oneLine(keyOf(name))} ${dryRun ? 'would be' : 'is'} removed; what runs there goes on running\n`,
        )
        return exitCodes.ok
      }),
    )
}

async function define(run: Run, name: StageName, { file, dryRun = false, ...flags }: DefineOptions): Promise<number> {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  const whole = file === undefined ? null : readStage(file)
  if (whole === null && Object.keys(given).length === 0) {
    throw new AppError('request.invalid', 'say how: with flags, or with --file; --help names them')
  }
  await using client = await openClient(run)
  const before = whole ?? (await definitionOf(() => client.get<Stage>(pathOf(name))))
  const done = await client.put<Stage>(pathOf(name), { ...before, ...given }, dryRun ? { dry_run: true } : {})
  if (run.globals.output === 'json') printJson(run.terminal, done)
  else run.terminal.out(`${oneLine(keyOf(name))} ${dryRun ? 'could be defined so' : 'is defined'}\n`)
  return exitCodes.ok
}

async function definitionOf(read: () => Promise<Stage>): Promise<object> {
  try {
    return (await read()).definition
  } catch (thrown) {
    const unknown = thrown instanceof AppError && thrown.detail.startsWith('There is no stage ')
    if (!unknown) throw thrown
    return {}
  }
}

function readStage(file: string): object {
  let read: unknown
  try {
    read = load(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (thrown) {
    throw new AppError('request.invalid', `${file} cannot be read as YAML`, { cause: thrown })
  }
  if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read
  throw new AppError('request.invalid', `${file} holds no stage; write registry:, image: and deployer:`)
}
