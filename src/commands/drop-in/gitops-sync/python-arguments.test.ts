import assert from 'node:assert/strict'
import { test } from 'node:test'
import { description, options, settingsOf, normalise } from './arguments.ts'
import { readArguments, type ArgumentSyntax } from './python-arguments.ts'

const syntax: ArgumentSyntax = { program: 'prog', description, options, columns: 80 }

function valuesOf(...args: string[]): Record<string, unknown> {
  const read = readArguments(syntax, args)
  assert.equal(read.is, 'values', JSON.stringify(read))
  return Object.fromEntries(read.is === 'values' ? read.values : [])
}

function messageOf(...args: string[]): string {
  const read = readArguments(syntax, args)
  assert.equal(read.is, 'wrong')
  const text = read.is === 'wrong' ? read.text : ''
  assert.ok(
    text.startsWith('usage: prog [-h] [--capabilities CAPABILITIES] [--etcd-host ETCD_HOST]\n            ['),
    text,
  )
  return text.trimEnd().split('\n').at(-1)!
}

test('values behind a space or an equals sign, the last one counts', () => {
  assert.deepEqual(valuesOf('--capabilities', 'a', '--etcd-port=12', '--watch', '--capabilities=b=c'), {
    'capabilities': 'b=c',
    'etcd-port': 12,
    'watch': true,
  })
  assert.deepEqual(valuesOf('--interval', '-5', '--etcd-port', ' 1_000 '), { 'interval': -5, 'etcd-port': 1000 })
  assert.deepEqual(valuesOf(), {})
})

test('abbreviations as long as they are plain; the options of the original come first', () => {
  assert.deepEqual(valuesOf('--cap', 'x', '--int', '5', '--dry', '--etcd-h=h'), {
    'capabilities': 'x',
    'interval': 5,
    'dry-run': true,
    'etcd-host': 'h',
  })
  assert.deepEqual(valuesOf('--c', 'x', '--comp', '--al', '3'), {
    'capabilities': 'x',
    'compat': true,
    'allow-deletes': 3,
  })
  assert.equal(messageOf('--etcd', 'x'), 'prog: error: ambiguous option: --etcd could match --etcd-host, --etcd-port')
  assert.equal(
    messageOf('--s', 'x'),
    'prog: error: ambiguous option: --s could match --sync-once, --state-dir, --source-id',
  )
})

test('what argparse refuses, in its words', () => {
  assert.equal(messageOf('--nope', 'a', 'b'), 'prog: error: unrecognized arguments: --nope a b')
  assert.equal(messageOf('-w'), 'prog: error: unrecognized arguments: -w')
  assert.equal(messageOf('--etcd-port'), 'prog: error: argument --etcd-port: expected one argument')
  assert.equal(messageOf('--etcd-port', '--watch'), 'prog: error: argument --etcd-port: expected one argument')
  assert.equal(messageOf('--etcd-port', '1.5'), "prog: error: argument --etcd-port: invalid int value: '1.5'")
  assert.equal(messageOf('--watch=1'), "prog: error: argument --watch: ignored explicit argument '1'")
  assert.equal(
    messageOf('--version-source', 'x'),
    "prog: error: argument --version-source: invalid choice: 'x' (choose from 'semver', 'dc_date')",
  )
})

test('help names every option with its default', () => {
  for (const flag of ['-h', '--help', '--he']) {
    const read = readArguments(syntax, ['--watch', flag])
    assert.equal(read.is, 'help')
    const text = read.is === 'help' ? read.text : ''
    for (const { name } of options) assert.ok(text.includes(`\n  --${name}`), name)
    assert.ok(text.includes('  --etcd-host ETCD_HOST\n                        etcd host (default: localhost)\n'), text)
    assert.ok(text.split('\n').every((line) => line.length <= 80))
  }
})

test('settings: defaults of the original, and what goes together', () => {
  const settings = (...args: string[]) => {
    const read = readArguments(syntax, args)
    return settingsOf(read.is === 'values' ? read.values : new Map(), {})
  }
  const usual = settings()
  assert.ok(typeof usual !== 'string')
  assert.deepEqual(
    [usual.capabilities, usual.etcd.address, usual.interval, usual.mode, usual.versionSource],
    ['capabilities', 'localhost:2379', 60, 'once', 'semver'],
  )
  const of = (...args: string[]) => settings(...args) as Exclude<ReturnType<typeof settingsOf>, string>
  assert.equal(of('--list', '--watch').mode, 'list')
  assert.equal(of('--watch', '--sync-once').mode, 'once')
  assert.equal(of('--health', '--watch').mode, 'health')
  assert.equal(of('--namespace', 'chora.react').namespace, 'chora.react')
  assert.equal(of('--compat').versionSource, 'dc_date')
  assert.equal(of('--compat', '--version-source=semver').versionSource, 'semver')
  const namespaces = ['', 'a/b', 'chora.', '.x', 'a..b'].map((name) => `--namespace=${name}`)
  const etcd = ['--etcd-host=', '--etcd-host=a,,b', '--etcd-cert=c.pem', '--etcd-user=u']
  const numbers = ['--interval=-1', '--etcd-port=70000', '--allow-deletes=-1']
  for (const wrong of [...numbers, '--source-id=a/b', ...namespaces, ...etcd]) {
    assert.equal(typeof settings(wrong), 'string', wrong)
  }
})

test('paths are printed as pathlib prints them', () => {
  const table = {
    'capabilities/': 'capabilities',
    './a//b/./c/': 'a/b/c',
    '/': '/',
    '.': '.',
    '': '.',
    '/a/../b': '/a/../b',
    '//x': '//x',
    '///x': '/x',
  }
  for (const [given, printed] of Object.entries(table)) assert.equal(normalise(given), printed)
})
