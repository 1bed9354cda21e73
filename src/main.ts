/** argv → command. What a command needs it loads itself, so that --help and --version are quick. */
import { runProgram } from './commands/program.ts'
import { processTerminal } from './commands/terminal.ts'
import { systemClock } from './kernel/clock.ts'
import { stopOnSignals } from './kernel/stop.ts'

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  using stop = stopOnSignals(systemClock)
  return await runProgram(args, { terminal: processTerminal(), clock: systemClock, stop: stop.signal })
}
