/** What every command shares: the global flags, the exit codes, and what an action is given. */
import type { Command } from 'commander'
import type { Clock } from '../kernel/clock.ts'
import { printTable, type Column } from './table.ts'
import type { Terminal } from './terminal.ts'

export const exitCodes = {
  /** Done, and everything is as it should be. */
  ok: 0,
  /** It failed, or something is not as it should be. The reason is on stderr. */
  failed: 1,
  /** `plan` alone: there is something to do. */
  pending: 2,
  /** The command line is wrong (sysexits.h EX_USAGE). */
  usage: 64,
} as const

export interface Globals {
  readonly config?: string
  /** `sarif` and `csv`: only where a command declares it. */
  readonly output: 'table' | 'json' | 'csv' | 'sarif'
  readonly url?: string
  readonly token?: string
  readonly debug: boolean
}

export interface Run {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly globals: Globals
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly stop: AbortSignal
}

/** Takes the positional arguments, then the command's own options; resolves to the exit code. */
export type Action<A extends unknown[]> = (run: Run, ...args: A) => Promise<number>

/** Makes an action into what commander calls. */
export type Act = <A extends unknown[]>(action: Action<A>) => (...args: unknown[]) => Promise<void>

/** Declares one command. Each file of this folder that is a command exports one of these. */
export type Declare = (program: Command, act: Act) => void

/** The end of a command's help: what people will want to copy. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  return ['', 'Examples:', ...lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`)].join('\n')
}

/** The result of a command: rows for people, `value` (default: the rows) for --output json. */
export function show<R>(
  { terminal, globals }: Pick<Run, 'terminal' | 'globals'>,
  columns: readonly Column<R>[],
  rows: readonly R[],
  value: unknown = rows,
): void {
  if (globals.output === 'json') printJson(terminal, value)
  else printTable(terminal, columns, rows)
}

/** "1 change", "3 changes"; words that are more irregular than that are not used. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, null, 2)}\n`)
}
