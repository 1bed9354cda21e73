/** `version`: a title, and what this was built from. */
import type { Build } from '../../../kernel/version.ts'
import type { Terminal } from '../../terminal.ts'

const title = [
  '█▀▄▀█ ▄▀█ █▀▀ █ █ █ █▄ █ █▀▀ █▀█ █▄█',
  '█ ▀ █ █▀█ █▄▄ █▀█ █ █ ▀█ ██▄ █▀▄  █',
  '',
  '█▀ ▀█▀ ▄▀█ ▀█▀ █ █ █▀',
  '▄█  █  █▀█  █  █▄█ ▄█',
  '',
  '█▀▀ █▀█ █   █   █▀▀ █▀▀ ▀█▀ █▀█ █▀█',
  '█▄▄ █▄█ █▄▄ █▄▄ ██▄ █▄▄  █  █▄█ █▀▄',
]

export function versionText({ paint }: Pick<Terminal, 'paint'>, { version, commit, builtAt }: Build): string {
  const drawn = title.map((line) => (line === '' ? '' : paint('bold', line)))
  const facts = [`Version:    ${version}`, `Commit:     ${commit}`, `Build Date: ${builtAt}`]
  return `\n${[...drawn, '', ...facts].join('\n')}\n`
}
