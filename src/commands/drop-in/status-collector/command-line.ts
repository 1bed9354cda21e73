/** The commands of the original, and what their help says. */
import { informerHelp, serverHelp } from './environment-help.ts'
import type { GoCommand } from './go-usage.ts'

export const program = 'machinery-status-collector'

const quiet = { name: 'no-descriptions', help: 'disable completion descriptions' } as const

const load = 'To load completions in your current shell session:'
const always = 'To load completions for every new session, execute once:'
const restart = 'You will need to start a new shell for this setup to take effect.'

function shell(name: string, long: readonly string[], more: Partial<GoCommand> = {}): GoCommand {
  const short = `Generate the autocompletion script for ${name}`
  const first = `Generate the autocompletion script for ${name === 'powershell' ? name : `the ${name} shell`}.`
  return {
    name,
    short,
    long: [first, ...long].join('\n\n'),
    switches: [quiet],
    bare: true,
    ...more,
  }
}

const shells: readonly GoCommand[] = [
  shell(
    'bash',
    [
      'It works best with the package bash-completion.',
      load,
      `\tsource <(${program} completion bash)`,
      always,
      `\t${program} completion bash > /etc/bash_completion.d/${program}`,
      restart,
    ],
    { unflagged: true },
  ),
  shell('fish', [
    load,
    `\t${program} completion fish | source`,
    always,
    `\t${program} completion fish > ~/.config/fish/completions/${program}.fish`,
    restart,
  ]),
  shell('powershell', [
    load,
    `\t${program} completion powershell | Out-String | Invoke-Expression`,
    'To load them in every new session, add that line to your profile.',
  ]),
  shell('zsh', [
    'Completion has to be on; where it is not, execute once:',
    '\techo "autoload -U compinit; compinit" >> ~/.zshrc',
    load,
    `\tsource <(${program} completion zsh)`,
    always,
    `\t${program} completion zsh > "\${fpath[1]}/_${program}"`,
    restart,
  ]),
]

export const commands: GoCommand = {
  name: program,
  short: '',
  long: [
    'Collects the status of Crossplane claims from any number of Kubernetes clusters and',
    'keeps one pull request up to date that brings it into a registry in Git.',
    '',
    'server takes statuses and writes the registry; informer, in each cluster, sends them.',
  ].join('\n'),
  commands: [
    {
      name: 'completion',
      short: 'Generate the autocompletion script for the specified shell',
      long: `Generate the autocompletion script for ${program} for the specified shell.\nSee each sub-command's help for details on how to use the generated script.`,
      commands: shells,
    },
    {
      name: 'help',
      short: 'Help about any command',
      takes: '[command]',
      long: `Help provides help for any command in the application.\nSimply type ${program} help [path to command] for full details.`,
    },
    { name: 'informer', short: 'Start the Kubernetes claim watcher', long: informerHelp },
    { name: 'server', short: 'Start the collector server', long: serverHelp },
    {
      name: 'version',
      short: 'Print version information',
      long: `Print the version, commit SHA, and build date of ${program}.`,
    },
  ],
}
