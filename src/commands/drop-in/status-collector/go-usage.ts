/** Commands as data, and how cobra prints what they take. */

export interface GoSwitch {
  readonly name: string
  /** One letter. */
  readonly short?: string
  readonly help: string
}

export interface GoCommand {
  readonly name: string
  readonly short: string
  /** Lines before the usage, in its help. */
  readonly long: string
  /** Beside -h, --help. */
  readonly switches?: readonly GoSwitch[]
  readonly commands?: readonly GoCommand[]
  /** Takes no arguments; the others ignore them. */
  readonly bare?: true
  /** What its usage says before `[flags]`. */
  readonly takes?: string
  /** Its usage does not say `[flags]`. */
  readonly unflagged?: true
}

export const isParent = ({ commands = [] }: GoCommand) => commands.length > 0

export function withHelp({ name, switches = [] }: GoCommand): readonly GoSwitch[] {
  return [{ name: 'help', short: 'h', help: `help for ${name}` }, ...switches]
}

/** `path`: the program, and the commands down to the one that is meant. */
export function usageOf(path: readonly GoCommand[], { flags = true } = {}): string {
  const command = path.at(-1)!
  const name = path.map((one) => one.name).join(' ')
  const parts = [`Usage:\n${usageLines(command, name)}`]
  if (isParent(command)) parts.push(`Available Commands:\n${commandsOf(command)}`)
  if (flags) parts.push(`Flags:\n${flagsOf(command)}`)
  if (isParent(command)) parts.push(`Use "${name} [command] --help" for more information about a command.\n`)
  return parts.join('\n')
}

function usageLines(command: GoCommand, name: string): string {
  if (isParent(command)) return `  ${name} [command]\n`
  const { takes, unflagged } = command
  return `  ${name}${takes === undefined ? '' : ` ${takes}`}${unflagged ? '' : ' [flags]'}\n`
}

/** In columns of at least 11 letters, as cobra has them. */
function commandsOf({ commands = [] }: GoCommand): string {
  const width = Math.max(11, ...commands.map(({ name }) => name.length))
  return commands.map(({ name, short }) => `  ${name.padEnd(width)} ${short}\n`).join('')
}

function flagsOf(command: GoCommand): string {
  const rows = withHelp(command).map(({ name, short, help }) => {
    return [`  ${short === undefined ? '    ' : `-${short}, `}--${name}`, help] as const
  })
  const width = Math.max(...rows.map(([flag]) => flag.length))
  return rows.map(([flag, help]) => `${flag.padEnd(width)}   ${help}\n`).join('')
}
