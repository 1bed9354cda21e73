/** Runs a command line in this process, on what a terminal would have shown. */
import { runProgram } from '../../src/commands/program.ts'
import { fakeTerminal } from '../../src/commands/testing/terminal.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Ran } from './regista.ts'

export interface Running {
  /** What was printed until now. */
  readonly printed: { readonly out: string; readonly err: string }
  readonly ended: Promise<Ran>
}

export function startCommand(
  args: readonly string[],
  given: Parameters<typeof fakeTerminal>[0] = {},
  stop: AbortSignal = new AbortController().signal,
): Running {
  const { terminal, printed } = fakeTerminal(given)
  const ended = runProgram(args, { terminal, clock: systemClock, stop })
  return { printed, ended: ended.then((code) => ({ code, stdout: printed.out, stderr: printed.err })) }
}

export function command(args: readonly string[], given?: Parameters<typeof fakeTerminal>[0]): Promise<Ran> {
  return startCommand(args, given).ended
}
