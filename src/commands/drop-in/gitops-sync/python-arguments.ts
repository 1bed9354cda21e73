/**
 * Command lines as Python's argparse reads them: unambiguous abbreviations, `--flag=value`, its usage,
 * its messages. Only long options; there are no positional arguments.
 */
export interface ArgumentOption {
  /** Without the dashes. */
  readonly name: string
  readonly help: string
  /** `switch`: takes no value. */
  readonly takes: 'text' | 'int' | 'switch'
  readonly choices?: readonly string[]
  /** An option that the original did not have: where an abbreviation fits both, the original's is meant. */
  readonly added?: boolean
}

export interface ArgumentSyntax {
  readonly program: string
  readonly description: string
  readonly options: readonly ArgumentOption[]
  readonly columns: number
}

export type Arguments =
  | { readonly is: 'values'; readonly values: ReadonlyMap<string, string | number | true> }
  | { readonly is: 'help'; readonly text: string }
  /** Usage and message, for stderr. */
  | { readonly is: 'wrong'; readonly text: string }

class WrongArguments extends Error {}

export function readArguments(syntax: ArgumentSyntax, args: readonly string[]): Arguments {
  const values = new Map<string, string | number | true>()
  const unknown: string[] = []
  try {
    for (let at = 0; at < args.length; at++) {
      const arg = args[at]!
      if (arg === '-h' || arg === '--help') return { is: 'help', text: helpText(syntax) }
      const option = arg.startsWith('--') ? find(syntax.options, arg) : null
      if (option === null) {
        if (arg !== '--') unknown.push(arg)
      } else if (option.name === 'help') {
        return { is: 'help', text: helpText(syntax) }
      } else {
        const given = arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : null
        const follows = given === null && option.takes !== 'switch' && isValue(args[at + 1])
        values.set(option.name, valueOf(option, given ?? (follows ? args[++at]! : null)))
      }
    }
    if (unknown.length > 0) throw new WrongArguments(`unrecognized arguments: ${unknown.join(' ')}`)
    return { is: 'values', values }
  } catch (thrown) {
    if (!(thrown instanceof WrongArguments)) throw thrown
    return { is: 'wrong', text: wrongText(syntax, thrown.message) }
  }
}

/** Usage and message, as they stand on stderr. */
export function wrongText(syntax: ArgumentSyntax, message: string): string {
  return `${usage(syntax)}${syntax.program}: error: ${message}\n`
}

const help: ArgumentOption = { name: 'help', takes: 'switch', help: 'show this help message and exit' }

/** null: no option starts like this. */
function find(options: readonly ArgumentOption[], arg: string): ArgumentOption | null {
  const name = arg.slice(2).split('=', 1)[0]!
  const fitting = [help, ...options].filter((option) => option.name.startsWith(name) && name !== '')
  const exact = fitting.find((option) => option.name === name)
  if (exact) return exact
  const original = fitting.filter((option) => !option.added)
  const meant = original.length > 0 ? original : fitting
  if (meant.length > 1) {
    const names = meant.map((option) => `--${option.name}`).join(', ')
    throw new WrongArguments(`ambiguous option: ${arg} could match ${names}`)
  }
  return meant[0] ?? null
}

/** What looks like an option is none of its values, negative numbers excepted. */
function isValue(arg: string | undefined): boolean {
  return arg !== undefined && (!arg.startsWith('-') || arg === '-' || /^-\d+$|^-\d*\.\d+$/.test(arg))
}

function valueOf(option: ArgumentOption, given: string | null): string | number | true {
  const wrong = (what: string) => new WrongArguments(`argument --${option.name}: ${what}`)
  if (option.takes === 'switch') {
    if (given !== null) throw wrong(`ignored explicit argument '${given}'`)
    return true
  }
  if (given === null) throw wrong('expected one argument')
  if (option.takes === 'int') {
    if (!/^\s*[+-]?\d+(?:_\d+)*\s*$/.test(given)) throw wrong(`invalid int value: '${given}'`)
    return Number(given.replaceAll('_', ''))
  }
  if (option.choices && !option.choices.includes(given)) {
    const choices = option.choices.map((choice) => `'${choice}'`).join(', ')
    throw wrong(`invalid choice: '${given}' (choose from ${choices})`)
  }
  return given
}

function signature({ name, takes, choices }: ArgumentOption): string {
  if (takes === 'switch') return name === 'help' ? '-h' : `--${name}`
  return `--${name} ${choices ? `{${choices.join(',')}}` : name.toUpperCase().replaceAll('-', '_')}`
}

function usage({ program, options, columns }: ArgumentSyntax): string {
  const start = `usage: ${program} `
  const lines: string[] = []
  let line = start
  for (const option of [help, ...options]) {
    const part = `[${signature(option)}]`
    if (line.length + part.length > columns - 2 && line.trim() !== start.trim()) {
      lines.push(line.trimEnd())
      line = ' '.repeat(start.length)
    }
    line += `${part} `
  }
  return `${[...lines, line.trimEnd()].join('\n')}\n`
}

/** Column at which the explanations stand. */
const margin = 24

function helpText(syntax: ArgumentSyntax): string {
  const rows = [help, ...syntax.options].map((option) => {
    const left = `  ${option.name === 'help' ? '-h, --help' : signature(option)}`
    const gap = left.length + 2 > margin ? `\n${' '.repeat(margin)}` : ' '.repeat(margin - left.length)
    return `${left}${gap}${wrap(option.help, Math.max(11, syntax.columns - 2 - margin)).join(`\n${' '.repeat(margin)}`)}`
  })
  return `${usage(syntax)}\n${syntax.description}\n\noptions:\n${rows.join('\n')}\n`
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
