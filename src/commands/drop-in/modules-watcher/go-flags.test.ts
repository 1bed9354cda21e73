import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readGoFlags, type GoFlag } from './go-flags.ts'
import { flags, program, settingsOf, type Settings } from './flags.ts'

const some: readonly GoFlag[] = [
  { name: 'to', takes: 'texts', help: 'Several' },
  { name: 'from', takes: 'text', help: 'One', default: 'here' },
  { name: 'every', takes: 'duration', help: 'How often', default: 900_000 },
  { name: 'most', takes: 'count', help: 'How many' },
  { name: 'dry', takes: 'switch', help: 'Dry\nrun' },
]

function read(...args: string[]) {
  const parsed = readGoFlags('prog', some, args)
  assert.equal(parsed.is, 'values', JSON.stringify(parsed))
  if (parsed.is !== 'values') throw new Error('unreachable')
  return { values: Object.fromEntries(parsed.values), rest: parsed.rest }
}

const usage = `Usage of prog:
  -dry
    \tDry
    \trun
  -every duration
    \tHow often (default 15m)
  -from string
    \tOne (default "here")
  -most uint
    \tHow many
  -to string
    \tSeveral
`

function refused(...args: string[]): string {
  const parsed = readGoFlags('prog', some, args)
  assert.equal(parsed.is, 'wrong')
  const text = parsed.is === 'wrong' ? parsed.text : ''
  assert.ok(text.endsWith(`\n${usage}`), text)
  return text.slice(0, -usage.length - 1)
}

test('one dash or two, the value behind a space or an equals sign, the last one counts', () => {
  assert.deepEqual(read('-from', 'a', '--from', 'b', '--to=x=y', '-to=', '-every=1h30m', '-dry').values, {
    from: 'b',
    to: ['x=y', ''],
    every: 5_400_000,
    dry: true,
  })
  assert.deepEqual(read('-from', '-dry', '-every', '0').values, { from: '-dry', every: 0 })
  assert.deepEqual(read('-dry=F', '--dry=1').values, { dry: true })
  assert.deepEqual(read('-most', '12').values, { most: 12 })
  assert.deepEqual(read('-every', '-300ms').values, { every: -300 })
})

test('the first that is no flag ends them', () => {
  assert.deepEqual(read('-dry', 'x', '-from', 'a'), { values: { dry: true }, rest: ['x', '-from', 'a'] })
  assert.deepEqual(read('-', '-from'), { values: {}, rest: ['-', '-from'] })
  assert.deepEqual(read('--', '-from'), { values: {}, rest: ['-from'] })
  assert.deepEqual(read('-dry', 'true'), { values: { dry: true }, rest: ['true'] })
  assert.deepEqual(read(''), { values: {}, rest: [''] })
})

test('what Go refuses, in its words, and the usage', () => {
  assert.equal(refused('-nope=1'), 'flag provided but not defined: -nope')
  assert.equal(refused('--from'), 'flag needs an argument: -from')
  assert.equal(refused('-dry=maybe'), 'invalid boolean value "maybe" for -dry: parse error')
  for (const wrong of ['', '5', '5 minutes', '-', 'm', '1h-5m']) {
    assert.equal(refused('-every', wrong), `invalid value ${JSON.stringify(wrong)} for flag -every: parse error`)
  }
  for (const wrong of ['-1', '1.5', 'x', '']) {
    assert.equal(refused('-most', wrong), `invalid value ${JSON.stringify(wrong)} for flag -most: parse error`)
  }
  for (const wrong of ['---from', '-=x', '--=x']) assert.equal(refused(wrong), `bad flag syntax: ${wrong}`)
  for (const help of ['-h', '--h', '-help', '--help', '--help=x']) {
    assert.deepEqual(readGoFlags('prog', some, ['-dry', help]), { is: 'help', text: usage })
  }
})

function settings(...args: string[]): Settings | string {
  const parsed = readGoFlags(program, flags, args)
  assert.equal(parsed.is, 'values', JSON.stringify(parsed))
  return settingsOf(parsed.is === 'values' ? parsed.values : new Map())
}

const of = (...args: string[]) => settings(...args) as Settings

test('the watcher: defaults of the original', () => {
  assert.deepEqual(settings(), {
    registries: [],
    interval: 900_000,
    ca: null,
    realms: [],
    plainHttp: false,
    stateDir: null,
    compat: false,
    kubeconfig: null,
    builders: [],
    allowDeletes: 0,
    listen: { host: null, port: 8080 },
    metricsListen: { host: null, port: 9090 },
    metricsPrefix: 'registry_modules_watcher_',
  })
})

test('the watcher: registries are trimmed, and with --compat not', () => {
  assert.deepEqual(of('-watch-registries', ' a.b/c, d:5000/e ,a.b/c,').registries, ['a.b/c', 'd:5000/e'])
  assert.deepEqual(of('-watch-registries=a.b/c, d,', '-compat').registries, ['a.b/c', ' d', ''])
  assert.deepEqual(of('-watch-registries', 'https://a.b/c/').registries, ['a.b/c'])
  assert.deepEqual(of('-watch-registries', ' , ').registries, [])
})

test('the watcher: what goes beyond the form of a flag', () => {
  for (const wrong of ['0', '-5m']) assert.match(settings('-scan-interval', wrong) as string, /must be more than 0/)
  assert.equal(of('-scan-interval', '300ms').interval, 300)
  assert.deepEqual(of('-listen', '127.0.0.1:0').listen, { host: '127.0.0.1', port: 0 })
  assert.deepEqual(of('-metrics-listen=[::1]:9').metricsListen, { host: '::1', port: 9 })
  for (const wrong of ['8080', ':', ':70000', 'a b:1', 'http://x:1', '::1:80']) {
    assert.match(settings('-listen', wrong) as string, /for flag -listen: write/, wrong)
  }
  assert.equal(of('-metrics-prefix', '').metricsPrefix, '')
  assert.match(settings('-metrics-prefix', '1-') as string, /only letters/)
  assert.deepEqual(of('-builder', 'a:1', '-builder=b:2', '-builder', 'a:1').builders, ['a:1', 'b:2'])
})
