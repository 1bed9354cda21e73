import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, test } from 'node:test'
import { program } from './command-line.ts'
import { complete, completionScript } from './completion.ts'

const words = (...given: string[]) => {
  const { out } = complete(given, false)
  return out.trimEnd().split('\n')
}

describe('completion', () => {
  test('as scripts of the original ask for it', () => {
    assert.deepEqual(complete(['s'], true), {
      out: 'server\tStart the collector server\n:4\n',
      err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
    })
    assert.deepEqual(words(''), ['completion', 'help', 'informer', 'server', 'version', ':4'])
    assert.deepEqual(words('help', ''), ['completion', 'help', 'informer', 'server', 'version', ':4'])
    assert.deepEqual(words('completion', ''), ['bash', 'fish', 'powershell', 'zsh', ':4'])
    assert.deepEqual(words('completion', 'z'), ['zsh', ':4'])
    assert.deepEqual(words('server', '-'), ['--help', '-h', ':4'])
    assert.deepEqual(words('completion', 'bash', '--no'), ['--no-descriptions', ':4'])
    assert.deepEqual(words('server', ''), [':0'])
    assert.deepEqual(words('nope', ''), [':0'])
    assert.deepEqual(words('nope'), [':4'])
  })

  test('a script for each shell', () => {
    for (const shell of ['bash', 'fish', 'powershell', 'zsh']) {
      assert.match(completionScript(shell, true), new RegExp(`${program}[^]*__complete`))
    }
  })

  test('bash offers what the program answers', { skip: spawnSync('bash', ['-c', ':']).status !== 0 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'regista-completion-'))
    try {
      const fake = join(folder, program)
      writeFileSync(fake, '#!/bin/sh\nprintf "%s\\n" "asked:$*" server ":4"\n')
      chmodSync(fake, 0o755)
      const script = `${completionScript('bash', true)}
COMP_WORDS=(${program} completion z); COMP_CWORD=2; _${program.replaceAll('-', '_')}; printf '%s\\n' "\${COMPREPLY[@]}"`
      const env = { PATH: `${folder}${delimiter}${process.env['PATH']}` }
      const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env })
      assert.equal(stdout, 'asked:__completeNoDesc completion z\nserver\n')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
