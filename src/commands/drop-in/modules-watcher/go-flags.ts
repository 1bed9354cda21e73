/**
 * Command lines as Go's package flag reads them: `-x v`, `--x v`, `--x=v`; switches take no separate
 * value; what is no flag ends them. Its messages, and the form of its usage.
 */
import { formatDuration, parseDuration } from '../../../kernel/duration.ts'

export interface GoFlag {
  readonly name: string
  readonly help: string
  /** `texts`: may be given several times; `count`: a whole number from 0 on. */
  readonly takes: 'text' | 'texts' | 'duration' | 'count' | 'switch'
  /** Of a duration in milliseconds; shown in the usage. */
  readonly default?: string | number
  /** What stands for the value in the usage; default: `string`, `duration`, `uint`. */
  readonly placeholder?: string
}

export type GoValue = string | number | boolean | readonly string[]

export type GoArguments =
  | { readonly is: 'values'; readonly values: ReadonlyMap<string, GoValue>; readonly rest: readonly string[] }
  | { readonly is: 'help'; readonly text: string }
  /** Message and usage, for stderr. */
  | { readonly is: 'wrong'; readonly text: string }

class WrongFlag extends Error {}

export function readGoFlags(program: string, flags: readonly GoFlag[], args: readonly string[]): GoArguments {
  const values = new Map<string, GoValue>()
  try {
    for (let at = 0; at < args.length; at++) {
      const arg = args[at]!
      if (arg === '--') return { is: 'values', values, rest: args.slice(at + 1) }
      if (!/^-./s.test(arg)) return { is: 'values', values, rest: args.slice(at) }
      const { name, given } = split(arg)
      const flag = flags.find((one) => one.name === name)
      if (flag === undefined && (name === 'help' || name === 'h')) return { is: 'help', text: usage(program, flags) }
      if (flag === undefined) throw new WrongFlag(`flag provided but not defined: -${name}`)
      const follows = given === null && flag.takes !== 'switch'
      if (follows && at + 1 === args.length) throw new WrongFlag(`flag needs an argument: -${name}`)
      take(values, flag, follows ? args[++at]! : given)
    }
    return { is: 'values', values, rest: [] }
  } catch (thrown) {
    if (!(thrown instanceof WrongFlag)) throw thrown
    return { is: 'wrong', text: wrongFlag(program, flags, thrown.message) }
  }
}

/** Message and usage, as they stand on stderr. */
export function wrongFlag(program: string, flags: readonly GoFlag[], message: string): string {
  return `${message}\n${usage(program, flags)}`
}

function split(arg: string): { name: string; given: string | null } {
  const text = arg.replace(/^--?/, '')
  if (text === '' || text.startsWith('-') || text.startsWith('=')) throw new WrongFlag(`bad flag syntax: ${arg}`)
  const equals = text.indexOf('=')
  return equals < 0 ? { name: text, given: null } : { name: text.slice(0, equals), given: text.slice(equals + 1) }
}

function take(values: Map<string, GoValue>, { name, takes }: GoFlag, given: string | null): void {
  if (takes === 'switch') {
    const value = given === null ? true : booleans.get(given)
    if (value === undefined) throw new WrongFlag(`invalid boolean value ${quoted(given!)} for -${name}: parse error`)
    values.set(name, value)
  } else if (takes === 'duration' || takes === 'count') {
    const value = takes === 'duration' ? parseDuration(given!) : /^\d{1,15}$/.test(given!) ? Number(given) : null
    if (value === null) throw new WrongFlag(`invalid value ${quoted(given!)} for flag -${name}: parse error`)
    values.set(name, value)
  } else if (takes === 'texts') {
    values.set(name, [...((values.get(name) as readonly string[] | undefined) ?? []), given!])
  } else {
    values.set(name, given!)
  }
}

/** As Go's strconv.ParseBool. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

const quoted = (text: string) => JSON.stringify(text)

function usage(program: string, flags: readonly GoFlag[]): string {
  const rows = flags
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, takes, help, default: usual, placeholder }) => {
      const value =
        placeholder ?? { text: 'string', texts: 'string', duration: 'duration', count: 'uint', switch: '' }[takes]
      const lines = help.replaceAll('\n', '\n    \t')
      return `  -${name}${value && ` ${value}`}\n    \t${lines}${defaultText(usual)}\n`
    })
  return `Usage of ${program}:\n${rows.join('')}`
}

function defaultText(usual: string | number | undefined): string {
  if (usual === undefined) return ''
  return ` (default ${typeof usual === 'number' ? formatDuration(usual) : quoted(usual)})`
}
