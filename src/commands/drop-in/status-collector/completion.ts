/** Scripts that complete the command line in four shells, and the answers that scripts of the original ask for. */
import { commands, program } from './command-line.ts'
import { isParent, withHelp, type GoCommand } from './go-usage.ts'

/**
 * `program __complete WORDS…`: what the last word may become, a line each, then how the shell should take it
 * (`:4`: no file names; `:0`: as usual).
 */
export function complete(words: readonly string[], described: boolean): { readonly out: string; readonly err: string } {
  const last = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const command = commandAt(before[0] === 'help' ? before.slice(1) : before)
  const rows = !command || before.includes('--') ? [] : choices(command, last)
  const names = command !== null && (isParent(command) || command.bare || rows.length > 0)
  const directive = names ? 4 : 0
  const lines = rows.map(([name, help]) => `${name}${described ? `\t${help}` : ''}\n`).join('')
  const told = `Completion ended with directive: ShellCompDirective${names ? 'NoFileComp' : 'Default'}\n`
  return { out: `${lines}:${directive}\n`, err: told }
}

/** null: no such command. */
function commandAt(words: readonly string[]): GoCommand | null {
  let command = commands
  for (const word of words) {
    if (word.startsWith('-')) continue
    const next: GoCommand | undefined = command.commands?.find(({ name }) => name === word)
    if (next === undefined) return isParent(command) ? null : command
    command = next
  }
  return command
}

function choices(command: GoCommand, start: string): (readonly [string, string])[] {
  const flags = withHelp(command).flatMap(({ name, short, help }) => [
    [`--${name}`, help] as const,
    ...(short === undefined ? [] : [[`-${short}`, help] as const]),
  ])
  const below = command.name === 'help' ? commands.commands : command.commands
  const all = start.startsWith('-') ? flags : (below ?? []).map(({ name, short }) => [name, short] as const)
  return all.filter(([name]) => name.startsWith(start))
}

/** `shell`: a name below `completion`. */
export function completionScript(shell: string, described: boolean): string {
  const ask = described ? '__complete' : '__completeNoDesc'
  return scripts[shell]!(ask)
}

const scripts: Readonly<Record<string, (ask: string) => string>> = {
  // A description would be inserted with the word: there is no room for it.
  bash: () => `# bash completion for ${program}
_${variable()}() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    case "$word" in :*) ;; *) COMPREPLY+=("$word") ;; esac
  done < <("\${COMP_WORDS[0]}" __completeNoDesc "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _${variable()} ${program}
`,
  fish: (ask) => `# fish completion for ${program}
function __${variable()}
  set -l words (commandline -opc) (commandline -ct)
  $words[1] ${ask} $words[2..] 2>/dev/null | string match -v -r '^:'
end
complete -c ${program} -f -a '(__${variable()})'
`,
  powershell: (ask) => `# powershell completion for ${program}
Register-ArgumentCompleter -Native -CommandName '${program}' -ScriptBlock {
  param($word, $tree, $cursor)
  $words = @($tree.CommandElements | ForEach-Object { $_.Extent.Text } | Select-Object -Skip 1)
  if ($word -eq '') { $words += '""' }
  & ${program} ${ask} @words 2>$null | Where-Object { $_ -notmatch '^:' } | ForEach-Object {
    $name, $help = $_ -split "\`t", 2
    if (-not $help) { $help = $name }
    [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $help)
  }
}
`,
  zsh: (ask) => `#compdef ${program}
# zsh completion for ${program}
_${variable()}() {
  local line
  local -a choices
  while IFS= read -r line; do
    case "$line" in :*) ;; *) choices+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;; esac
  done < <("\${words[1]}" ${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#choices} )); then _describe '${program}' choices; else _files; fi
}
compdef _${variable()} ${program}
# Loaded from a file of fpath, it is called at once.
if [ "$funcstack[1]" = "_${variable()}" ]; then _${variable()}; fi
`,
}

const variable = () => program.replaceAll('-', '_')
