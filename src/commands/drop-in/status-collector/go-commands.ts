/**
 * Command lines as Go's cobra reads them: commands below commands, switches anywhere among the arguments, `--` ends
 * them; its messages, suggestions and the form of its help.
 */
import { isParent, usageOf, withHelp, type GoCommand } from './go-usage.ts'

export type GoCall =
  | {
      readonly is: 'run'
      /** Names from the program on. */
      readonly path: readonly string[]
      readonly switches: ReadonlySet<string>
      readonly args: readonly string[]
      /** For stderr, where it cannot do what it is asked for. */
      failed(message: string): string
    }
  /** There is nothing to run; `code` is what the program ends with. */
  | { readonly is: 'said'; readonly out: string; readonly err: string; readonly code: 0 | 1 }

class Wrong extends Error {}

export function readGoCommand(root: GoCommand, args: readonly string[]): GoCall {
  const { path, rest } = descend(root, args)
  const command = path.at(-1)!
  const said = (out: string, err = '', code: 0 | 1 = 0): GoCall => ({ is: 'said', out, err, code })
  const failed = (message: string) => `Error: ${message}\n${usageOf(path)}\n${message}\n`
  const [unknown] = path.length === 1 ? positionals(rest) : []
  if (unknown !== undefined) return said('', unknownCommand(root, unknown), 1)
  try {
    const { switches, args: positional } = readSwitches(command, rest)
    if (switches.has('help') || isParent(command)) return said(helpOf(path))
    const [name] = positional
    if (command.bare && name !== undefined) {
      throw new Wrong(`unknown command ${JSON.stringify(name)} for "${nameOf(path)}"`)
    }
    return { is: 'run', path: path.map((one) => one.name), switches, args: positional, failed }
  } catch (thrown) {
    if (!(thrown instanceof Wrong)) throw thrown
    return said('', failed(thrown.message), 1)
  }
}

/** `program help command …`; what is no command at all is said so on stderr, with code 0. */
export function helpFor(root: GoCommand, args: readonly string[]): { readonly out: string; readonly err: string } {
  const { path, rest } = descend(root, args)
  if (path.length > 1 || rest.every((arg) => arg === '')) return { out: helpOf(path), err: '' }
  const topic = `[${args.map((arg) => `\`${arg}\``).join(' ')}]`
  return { out: '', err: `Unknown help topic ${topic}\n${usageOf(path, { flags: false })}` }
}

function helpOf(path: readonly GoCommand[]): string {
  return `${path.at(-1)!.long}\n\n${usageOf(path)}`
}

const nameOf = (path: readonly GoCommand[]) => path.map(({ name }) => name).join(' ')

/** From the root down, as long as the first argument that is no flag names a command. */
function descend(root: GoCommand, args: readonly string[]): { path: GoCommand[]; rest: readonly string[] } {
  const path = [root]
  let rest = args
  for (;;) {
    const [name] = positionals(rest)
    const next = path.at(-1)!.commands?.find((command) => command.name === name)
    if (next === undefined) return { path, rest }
    path.push(next)
    const at = rest.indexOf(name!)
    rest = [...rest.slice(0, at), ...rest.slice(at + 1)]
  }
}

/** No flag is known yet: one without `=` takes what follows it, unless it is several letters. */
function positionals(args: readonly string[]): string[] {
  const found: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    if (arg === '--') break
    if (/^(?:--[^=]*|-[^=])$/.test(arg)) at += 1
    else if (arg !== '' && !arg.startsWith('-')) found.push(arg)
  }
  return found
}

function readSwitches(command: GoCommand, args: readonly string[]): { switches: Set<string>; args: string[] } {
  const known = withHelp(command)
  const values = new Map<string, boolean>()
  const positional: string[] = []
  for (const [at, arg] of args.entries()) {
    if (arg === '--') {
      positional.push(...args.slice(at + 1))
      break
    }
    if (arg.startsWith('--')) readLong(arg)
    else if (/^-./s.test(arg)) readShort(arg.slice(1))
    else positional.push(arg)
  }
  const switches = new Set([...values].filter(([, on]) => on).map(([name]) => name))
  return { switches, args: positional }

  function readLong(arg: string): void {
    const [, name = '', given] = /^--([^=]*)(?:=(.*))?$/s.exec(arg)!
    if (name === '' || name.startsWith('-')) throw new Wrong(`bad flag syntax: ${arg}`)
    const one = known.find((flag) => flag.name === name)
    if (one === undefined) throw new Wrong(`unknown flag: --${name}`)
    values.set(name, boolean(given ?? 'true', one))
  }

  function readShort(letters: string): void {
    const [letter = '', second] = letters
    const one = known.find(({ short }) => short === letter)
    if (one === undefined) throw new Wrong(`unknown shorthand flag: '${letter}' in -${letters}`)
    const given = second === '=' && letters.length > 2
    values.set(one.name, given ? boolean(letters.slice(2), one) : true)
    if (!given && letters.length > 1) readShort(letters.slice(1))
  }
}

/** As Go's strconv.ParseBool. */
function boolean(text: string, { name, short }: { readonly name: string; readonly short?: string }): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}`
  const quoted = JSON.stringify(text)
  throw new Wrong(`invalid argument ${quoted} for "${flag}" flag: strconv.ParseBool: parsing ${quoted}: invalid syntax`)
}

function unknownCommand(root: GoCommand, given: string): string {
  const close = (root.commands ?? [])
    .filter(({ name }) => name !== 'help' && isClose(given.toLowerCase(), name))
    .map(({ name }) => `\t${name}\n`)
  const meant = close.length === 0 ? '' : `\n\nDid you mean this?\n${close.join('')}`
  const message = `unknown command ${JSON.stringify(given)} for "${root.name}"${meant}`
  return `Error: ${message}\nRun '${root.name} --help' for usage.\n${message}\n`
}

const isClose = (typed: string, name: string) => name.startsWith(typed) || distance(typed, name) <= 2

/** Levenshtein's. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let at = 0; at < from.length; at++) {
    const next = [at + 1]
    for (let column = 1; column <= to.length; column++) {
      const same = from[at] === to[column - 1] ? 0 : 1
      next.push(Math.min(row[column - 1]! + same, row[column]! + 1, next[column - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
