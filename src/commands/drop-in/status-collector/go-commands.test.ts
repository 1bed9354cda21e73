import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { helpFor, readGoCommand } from './go-commands.ts'
import { commands } from './command-line.ts'

const name = 'machinery-status-collector'
const read = (...args: string[]) => readGoCommand(commands, args)

function said(...args: string[]) {
  const call = read(...args)
  assert.equal(call.is, 'said')
  return call as Extract<typeof call, { is: 'said' }>
}

/** First line of what goes to stderr; the exit code. */
function wrong(...args: string[]): [string, number] {
  const { out, err, code } = said(...args)
  assert.equal(out, '')
  return [err.slice(0, err.indexOf('\n')), code]
}

/** First line of its usage. */
const usageIn = (text: string) => /Usage:\n {2}(.*)\n/.exec(text)?.[1]

const rootUsage = [
  'Usage:',
  `  ${name} [command]`,
  '',
  'Available Commands:',
  '  completion  Generate the autocompletion script for the specified shell',
  '  help        Help about any command',
  '  informer    Start the Kubernetes claim watcher',
  '  server      Start the collector server',
  '  version     Print version information',
  '',
  'Flags:',
  `  -h, --help   help for ${name}`,
  '',
  `Use "${name} [command] --help" for more information about a command.`,
  '',
].join('\n')

describe('what stands on the command line is read as cobra reads it', () => {
  test('no command is help, and so is a command with commands below it', () => {
    for (const args of [[], ['-h'], ['--help'], ['-h=false'], ['--', 'server'], ['-h', 'server'], ['-']]) {
      const { out, err, code } = said(...args)
      assert.deepEqual([out.slice(-rootUsage.length), err, code], [rootUsage, '', 0], args.join(' '))
    }
    for (const args of [['completion'], ['completion', 'nope'], ['completion', '--', 'bash']]) {
      assert.equal(usageIn(said(...args).out), `${name} completion [command]`, args.join(' '))
    }
  })

  test('help of a command', () => {
    for (const args of [
      ['server', '--help'],
      ['server', '-h=1', 'more'],
      ['--help=true', 'server'],
      ['server', '--help', '--nope=false'].slice(0, 2),
    ]) {
      const { out, code } = said(...args)
      const usage = `Usage:\n  ${name} server [flags]\n\nFlags:\n  -h, --help   help for server\n`
      assert.deepEqual([out.slice(-usage.length), code], [usage, 0])
    }
    const { out } = said('completion', 'bash', '-h')
    const flags = '  -h, --help              help for bash\n      --no-descriptions   disable completion descriptions\n'
    assert.ok(out.endsWith(`Usage:\n  ${name} completion bash\n\nFlags:\n${flags}`), out)
    assert.equal(usageIn(said('completion', 'zsh', '-h').out), `${name} completion zsh [flags]`)
  })

  test('help as a command', () => {
    assert.equal(usageIn(helpFor(commands, ['server']).out), `${name} server [flags]`)
    assert.equal(usageIn(helpFor(commands, ['completion', 'fish']).out), `${name} completion fish [flags]`)
    assert.equal(usageIn(helpFor(commands, ['completion', 'nope']).out), `${name} completion [command]`)
    assert.equal(usageIn(said('help', '-h').out), `${name} help [command] [flags]`)
    assert.equal(helpFor(commands, []).out, said().out)
    const { out, err } = helpFor(commands, ['nope'])
    assert.equal(out, '')
    const usage = rootUsage.replace(/Flags:\n.*\n\n/, '')
    assert.equal(err, `Unknown help topic [\`nope\`]\n${usage}`)
  })

  test('a command that there is not', () => {
    const message = `unknown command "nope" for "${name}"`
    const { err, code } = said('nope', '--help')
    assert.equal(err, `Error: ${message}\nRun '${name} --help' for usage.\n${message}\n`)
    assert.equal(code, 1)
    assert.equal(said('-h', 'server', 'nope').code, 1)
    assert.equal(said('a"b').err.split('\n')[0], String.raw`Error: unknown command "a\"b" for "${name}"`)
  })

  test('one that may have been meant', () => {
    const message = `unknown command "serve" for "${name}"\n\nDid you mean this?\n\tserver\n`
    assert.equal(said('serve').err, `Error: ${message}\nRun '${name} --help' for usage.\n${message}\n`)
    const meant = (typed: string) => /Did you mean this\?\n\t(.*)\n/.exec(said(typed).err)?.[1]
    const typed = { sever: 'server', ServeR: 'server', infrmer: 'informer', ver: 'version', c: 'completion' }
    for (const [given, command] of Object.entries(typed)) assert.equal(meant(given), command)
    for (const given of ['helpp', 'he', 'h', 'xserverx!']) assert.equal(meant(given), undefined)
  })

  test('flags that there are not, and values that fit none', () => {
    const { err, code } = said('server', '--nope')
    const usage = `Usage:\n  ${name} server [flags]\n\nFlags:\n  -h, --help   help for server\n`
    assert.equal(err, `Error: unknown flag: --nope\n${usage}\nunknown flag: --nope\n`)
    assert.equal(code, 1)
    assert.deepEqual(wrong('--version'), ['Error: unknown flag: --version', 1])
    assert.deepEqual(wrong('-xyz'), [`Error: unknown shorthand flag: 'x' in -xyz`, 1])
    assert.deepEqual(wrong('-hx'), [`Error: unknown shorthand flag: 'x' in -x`, 1])
    assert.deepEqual(wrong('-h='), [`Error: unknown shorthand flag: '=' in -=`, 1])
    assert.deepEqual(wrong('--=x'), ['Error: bad flag syntax: --=x', 1])
    assert.deepEqual(wrong('---x'), ['Error: bad flag syntax: ---x', 1])
    // An unknown flag takes what follows it for its value.
    assert.deepEqual(wrong('--x', 'nope'), ['Error: unknown flag: --x', 1])
    assert.deepEqual(wrong('completion', '--no-descriptions', 'bash'), ['Error: unknown flag: --no-descriptions', 1])
    const invalid = (value: string, flag: string) =>
      `Error: invalid argument "${value}" for "${flag}" flag: strconv.ParseBool: parsing "${value}": invalid syntax`
    assert.deepEqual(wrong('--help=x'), [invalid('x', '-h, --help'), 1])
    assert.deepEqual(wrong('-h=truex'), [invalid('truex', '-h, --help'), 1])
    assert.deepEqual(wrong('completion', 'bash', '--no-descriptions=x'), [invalid('x', '--no-descriptions'), 1])
  })

  test('what runs: further arguments count for nothing, but for the shells', () => {
    for (const args of [['server'], ['server', 'more'], ['server', '--', '--help'], ['server', '--help=false']]) {
      const call = read(...args)
      assert.equal(call.is, 'run')
      assert.deepEqual(call.is === 'run' && call.path, [name, 'server'])
    }
    const quiet = read('completion', 'zsh', '--no-descriptions')
    assert.ok(quiet.is === 'run' && quiet.switches.has('no-descriptions'))
    const bash = `unknown command "more" for "${name} completion bash"`
    assert.deepEqual(wrong('completion', 'bash', 'more'), [`Error: ${bash}`, 1])
  })

  test('what went wrong while it ran stands before the usage and after it', () => {
    const call = read('informer')
    assert.ok(call.is === 'run')
    const usage = `Usage:\n  ${name} informer [flags]\n\nFlags:\n  -h, --help   help for informer\n`
    assert.equal(call.failed('it broke'), `Error: it broke\n${usage}\nit broke\n`)
  })
})
