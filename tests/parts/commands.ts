/** Runs a command line in this process, on what a terminal would have shown. */
import { runProgram } from '../../src/commands/program.ts'
import { fakeTerminal } from '../../src/commands/testing/terminal.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Ran } from './regista.ts'

export async function command(
  args: readonly string[],
  given: Parameters<typeof fakeTerminal>[0] = {},
  stop: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  const { terminal, printed } = fakeTerminal(given)
  const code = await runProgram(args, { terminal, clock: systemClock, stop })
  return { code, stdout: printed.out, stderr: printed.err }
}
