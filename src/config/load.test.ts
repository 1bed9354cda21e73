import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { secret } from '../kernel/settings.ts'
import type { Registry } from '../registries/registry.ts'
import { oneSchedule, syncSettings } from '../registries/settings.ts'
import { loadConfig, type FlagValue } from './load.ts'
import { problemLine, problemsOf } from './problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'regista-config-'))
after(() => rmSync(folder, { recursive: true }))

/** A registry with every kind of setting, so that these tests depend on none of the real ones. */
const parcels: Registry = {
  name: 'parcels',
  tables: [],
  config: z.record(
    z.string().regex(/^[a-z][a-z0-9-]*$/),
    z
      .strictObject({
        ...syncSettings,
        source: z.union([z.string(), z.strictObject({ url: z.url(), token: secret().optional() })]),
        targets: z
          .array(
            z.discriminatedUnion('type', [
              z.strictObject({ type: z.literal('etcd'), port: z.int().min(1).max(65_535) }),
              z.strictObject({ type: z.literal('store'), prefix: z.string().min(1) }),
            ]),
          )
          .min(1),
      })
      .superRefine(oneSchedule),
  ),
  build: () => Promise.resolve({ syncs: [], routes: [] }),
}

interface Given {
  readonly env?: Record<string, string>
  readonly flags?: readonly FlagValue[]
}

function load(text: string | Uint8Array, given: Given = {}) {
  const file = join(folder, 'regista.yaml')
  writeFileSync(file, text)
  return loadConfig({ file, env: {}, registries: [parcels], from: folder, ...given })
}

function problems(text: string | Uint8Array, given?: Given): string[] {
  try {
    load(text, given)
  } catch (error) {
    return problemsOf(error).map(problemLine)
  }
  return []
}

test('an empty file gives every default, on loopback, beside the file', () => {
  const config = load('')
  assert.deepEqual([config.server.host, config.server.port], ['127.0.0.1', 8080])
  assert.deepEqual([config.database, config.state], [null, join(folder, 'regista-state')])
  assert.equal(config.retention.events, 90 * 86_400_000)
  assert.equal(config.sections.size, 0)
})

test('relative paths are meant from the folder of the file, not from the working directory', () => {
  const config = load('server: { tls: { cert: c.pem, key: /etc/k.pem } }\nstate: ./data\n')
  assert.equal(config.state, join(folder, 'data'))
  assert.equal(config.socket, join(folder, 'data', 'regista.sock'))
  assert.equal(config.server.tls?.cert, join(folder, 'c.pem'))
  assert.equal(config.server.tls?.key, '/etc/k.pem')
})

test('all problems come at once, in order, each with path, place and next step', () => {
  const text = `server:
  hsot: 127.0.0.1
  auth: tokns
  tls: { cert: a.pem }
  behind_proxy: \${PROXY}
  port: 99999
database: mysql://h/x
retention:
  events: 100 days
  events: 90d
log:
  level: inf
parcels:
  main:
    source: { url: nowhere }
    interval: 30
    cron: '@every 30s'
    targets:
      - type: etdc
      - { type: etcd, port: 0 }
  Main: {}
parcel: {}
port: 1
`
  assert.deepEqual(problems(text, { env: { PROXI: 'x' } }), [
    'regista.yaml:2:3: server.hsot is not known; did you mean host?',
    'regista.yaml:3:9: server.auth must be tokens or none; did you mean tokens?',
    'regista.yaml:4:8: server.tls.key is missing; write text: PEM file, read again when it changes',
    'regista.yaml:5:17: server.behind_proxy needs the environment variable PROXY, which is not set; did you mean PROXI? Else set it, or write ${PROXY:-default}',
    'regista.yaml:6:9: server.port must be at most 65535',
    'regista.yaml:7:11: database is no address of a PostgreSQL database; write postgres://user@host/name; leave it out for the embedded one',
    'regista.yaml:9:11: retention.events is not a length of time; did you mean 100d?',
    'regista.yaml:10:3: retention.events is given twice, first on line 9; keep one of the two',
    'regista.yaml:12:10: log.level must be debug, info, warn, error or silent; did you mean info?',
    'regista.yaml:15:20: parcels.main.source.url is not a valid url',
    'regista.yaml:16:15: parcels.main.interval is not a length of time; did you mean 30s?',
    'regista.yaml:19:15: parcels.main.targets[0].type must be etcd or store; did you mean etcd?',
    'regista.yaml:20:29: parcels.main.targets[1].port must be at least 1',
    'regista.yaml:21:3: parcels.Main is no valid name here; use letters, digits, - and _',
    'regista.yaml:22:1: parcel is not known; did you mean parcels?',
    'regista.yaml:23:1: port is not known; it belongs under server',
  ])
})

test('a rule across settings is a problem like the others', () => {
  const text =
    'parcels:\n  main:\n    source: x\n    interval: 30s\n    cron: "* * * * *"\n    targets: [{type: store, prefix: p}]\n'
  assert.deepEqual(problems(text), [
    'regista.yaml:5:11: parcels.main.cron is given beside interval; keep one of the two',
  ])
})

test('text that is no YAML says where and what, one problem a line', () => {
  assert.deepEqual(problems('server:\n\tlisten: x\n'), ['regista.yaml:2:1: is indented with a tab; indent with spaces'])
  assert.deepEqual(problems('a: b: c\n'), ['regista.yaml:1:4: has a second ": " on one line; put the text in quotes'])
  assert.deepEqual(problems('- server\n'), ['regista.yaml:1:1: must be a group of settings ("name: value" lines)'])
  assert.deepEqual(problems(Uint8Array.of(0xff, 0xfe, 0x41)), ['regista.yaml: is not UTF-8 text; save it as UTF-8'])
})

test('a file that does not exist is a problem, not a stack', () => {
  assert.throws(
    () => loadConfig({ file: join(folder, 'none.yaml'), env: {}, registries: [], from: folder }),
    (error) => error instanceof AppError && error.detail.includes('none.yaml: does not exist; name the configuration'),
  )
})

test('environment and files fill texts, numbers and true/false', () => {
  writeFileSync(join(folder, 'token'), 's3cret\n')
  const text = `
server: { host: "\${HOST:-127.0.0.1}", port: "\${PORT}", behind_proxy: "\${PROXY}" }
parcels:
  main:
    source: { url: "https://$\${x}.test/", token: file:token }
    targets: [{ type: etcd, port: "\${ETCD}" }]
`
  const config = load(text, { env: { PORT: '81', PROXY: 'true', ETCD: '2379', HOST: '' } })
  assert.deepEqual([config.server.host, config.server.port], ['127.0.0.1', 81])
  assert.equal(config.server.behind_proxy, true)
  const { main } = config.sections.get('parcels') as { main: { source: object; targets: object[] } }
  assert.deepEqual(main.source, { url: 'https://${x}.test/', token: 's3cret' })
  assert.deepEqual(main.targets, [{ type: 'etcd', port: 2379 }])
})

test('what an environment variable or a file holds is never taken for YAML, nor read a second time as a reference', () => {
  const config = load('state: ${STATE}\n', { env: { STATE: '${HOME}: {x}' } })
  assert.equal(config.state, join(folder, '${HOME}: {x}'))
})

test('a missing secret file is named by path of the setting, with the next step', () => {
  const text =
    'parcels:\n  main:\n    source: {url: "https://x.test", token: "file:nope"}\n    targets: [{type: store, prefix: p}]\n'
  assert.deepEqual(problems(text), [
    'regista.yaml:3:44: parcels.main.source.token names a file that does not exist; file: paths are meant from the folder of the config file',
  ])
})

test('a flag wins over the file, and a wrong flag is named instead of the file', () => {
  const flag = { flag: '--listen', path: ['server', 'port'], value: 0 }
  assert.equal(load('server: {port: 9}', { flags: [flag] }).server.port, 0)
  assert.deepEqual(problems('', { flags: [{ ...flag, value: -1 }] }), ['--listen: server.port must be at least 0'])
})

test('where() names file, line and column of what the file owns', () => {
  const config = load('parcels:\n  main:\n    source: x\n    targets: [{type: store, prefix: p}]\n')
  assert.equal(config.where(['parcels', 'main']), 'regista.yaml:2:3')
  assert.equal(config.where(['parcels', 'main', 'drift']), 'regista.yaml:3:5')
})

const marker = 'TOPSECRET'
const names = [
  'server',
  'listen',
  'tls',
  'cert',
  'parcels',
  'main',
  'source',
  'targets',
  'type',
  'token',
  'database',
  'x y',
]
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, 1, -0.5, '', 'etcd', '30s', marker, `\${${marker}`, `file:${marker}`, [], {}),
  fc.string().map((text) => `${marker}${text}`),
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('tree'), { maxKeys: 4 }),
  ),
}))

/** Runs the loader on anything: it answers with a config or with placed problems that hold no value of the file. */
function survives(text: string): void {
  try {
    load(text)
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'config.invalid', String((error as Error).stack))
    const found = problemsOf(error)
    assert.notEqual(found.length, 0)
    for (const problem of found) {
      assert.ok((problem.line ?? 1) >= 1 && (problem.column ?? 1) >= 1)
      assert.ok(!problemLine(problem).includes(marker), problemLine(problem))
    }
  }
}

test('property: no tree of values crashes the loader or shows a value', () => {
  fc.assert(
    fc.property(tree, (value) => survives(stringify(value))),
    { numRuns: 400 },
  )
})

test('property: no text crashes the loader', () => {
  const piece = fc.constantFrom(
    'a: ',
    '- ',
    '\n',
    '  ',
    '\t',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '&x ',
    '*x',
    '!t ',
    '|',
    '>',
    '#',
    ': ',
    '? ',
    '---\n',
    '<<: ',
    '${',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 25 }), (parts) =>
      survives(parts.join('')),
    ),
    { numRuns: 1500 },
  )
})
