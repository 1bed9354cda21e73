import { constants } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import type { Clock } from '../kernel/clock.ts'
import { readVersion } from '../kernel/version.ts'
import { exitCodes, type Act, type Declare, type Globals } from './command.ts'
import { printFailure } from './failure.ts'
import type { Terminal } from './terminal.ts'
import { declareBackup } from './backup.ts'
import { declareCapabilities } from './capabilities.ts'
import { declareClaims } from './claims.ts'
import { declareCompletion } from './completion.ts'
import { declareDoctor } from './doctor.ts'
import { declareExplain } from './explain.ts'
import { declareForget } from './forget.ts'
import { declareHistory } from './history.ts'
import { declareImages } from './images.ts'
import { declareModules } from './modules.ts'
import { declarePause, declareResume } from './pause.ts'
import { declarePlan } from './plan.ts'
import { declareRelease } from './release.ts'
import { declareRestore } from './restore.ts'
import { declareServe } from './serve.ts'
import { declareServices } from './services.ts'
import { declareStatus } from './status.ts'
import { declareSync } from './sync.ts'
import { declareTokens } from './tokens.ts'
import { declareValidate } from './validate.ts'

/** In the order of the help. */
const commands: readonly Declare[] = [
  declareServe,
  declareStatus,
  declarePlan,
  declareSync,
  declareHistory,
  declareExplain,
  declareRelease,
  declarePause,
  declareResume,
  declareForget,
  declareValidate,
  declareDoctor,
  declareBackup,
  declareRestore,
  declareTokens,
  declareCapabilities,
  declareModules,
  declareImages,
  declareClaims,
  declareServices,
  declareCompletion,
]

export interface ProgramParts {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly stop: AbortSignal
}

/** Runs one command line; resolves to the exit code and never rejects. */
export async function runProgram(args: readonly string[], parts: ProgramParts): Promise<number> {
  const { terminal, stop } = parts
  let code: number = exitCodes.ok
  const program = createProgram(terminal)
  const act: Act =
    (action) =>
    async (...given) => {
      const globals = (given.at(-1) as Command).optsWithGlobals<Globals>()
      code = await action({ ...parts, globals }, ...(given.slice(0, -1) as Parameters<typeof action>[1][] as never))
    }
  for (const declare of commands) declare(program, act)
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (thrown) {
    // commander has printed its own faults already.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (stop.aborted) return 128 + constants.signals[stop.reason as NodeJS.Signals]
    printFailure(terminal, program.opts<Globals>(), thrown)
    return exitCodes.failed
  }
}

function createProgram(terminal: Terminal): Command {
  return new Command('regista')
    .description('Keeps registries, and everything that depends on them, in step with reality.')
    .version(readVersion(), '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Show help')
    .helpCommand('help [command]', 'Show help of a command')
    .option('-c, --config <file>', 'Configuration; default: regista.yaml, else .regista/regista.yaml')
    .addOption(
      new Option('--output <form>', 'How results are printed').choices(outputForms).default('table').argParser(String),
    )
    .hook('preAction', (_, command) => refuseForm(command))
    .option('--url <url>', 'Talk to the Regista at this address (REGISTA_URL)')
    .option('--token <token>', 'Token for --url; better REGISTA_TOKEN, which others on this machine cannot see')
    .option('--debug', 'Show where an error comes from', false)
    .addHelpText('after', ending)
    .showHelpAfterError('Add --help for how it is used.')
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.columns,
      outputError: (text, write) => write(text.replace(/^error: /, 'regista: ')),
    })
    .exitOverride()
}

const outputForms: readonly string[] = ['table', 'json'] satisfies Globals['output'][]

/** A command that can print more declares --output again, with all of its choices. */
function refuseForm(command: Command): void {
  const own = command.options.find(({ long }) => long === '--output')
  const forms = own?.argChoices ?? outputForms
  const { output } = command.optsWithGlobals<Globals>()
  if (forms.includes(output)) return
  command.error(
    `error: option '--output <form>' argument '${output}' is invalid. Allowed choices are ${forms.join(', ')}.`,
    { code: 'commander.invalidArgument' },
  )
}

const ending = `
Commands act on the process that holds the state (regista serve), else on the state itself.
Exit codes: 0 done and well; 1 failed, or not all is well; 2 plan: there is something to do; 64 wrong arguments.`
