import type { Command } from 'commander'
import { examples, exitCodes, type Declare } from './command.ts'

export const declareCompletion: Declare = (program, act) => {
  program
    .command('completion')
    .description('Print the completion script for bash')
    .addHelpText('after', examples(['source <(regista completion)', 'for this shell']))
    .action(
      act((run) => {
        run.terminal.out(bashCompletion(program))
        return Promise.resolve(exitCodes.ok)
      }),
    )
}

/** Names of commands and flags; after -c and --config, files. */
export function bashCompletion(program: Command): string {
  const names = (command: Command) => command.commands.map((each) => each.name())
  const flags = (command: Command) => command.options.flatMap(({ short, long }) => [short, long]).filter(Boolean)
  const common = flags(program).join(' ')
  const cases = program.commands.map((command) => {
    // Once each: which subcommand it is, the script does not look at.
    const below = command.commands.flatMap(flags)
    const words = [...new Set([...names(command), ...flags(command), ...below])].join(' ')
    return `      ${command.name()}) words="${words}"; break ;;`
  })
  return `# bash completion for regista: source <(regista completion)
_regista() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" word words="${names(program).join(' ')}"
  case "$previous" in
    -c|--config) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --output) COMPREPLY=($(compgen -W "table json" -- "$current")); return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
${cases.join('\n')}
    esac
  done
  COMPREPLY=($(compgen -W "$words ${common}" -- "$current"))
}
complete -o default -F _regista regista
`
}
