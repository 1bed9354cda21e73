import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gitRemoteOf } from '../../connectors/git/settings.ts'
import { gitPathOf, gitSettings } from './config-git.ts'
import { CapabilitiesConfig } from './config.ts'

const etcd = { endpoints: ['https://etcd.example:2379'] }
const sync = (more: object = {}, target: object = { etcd }) => ({
  catalog: { directory: 'caps', targets: { main: target }, ...more },
})

test('what is left out has the values of the original', () => {
  const { catalog } = CapabilitiesConfig.parse(sync())
  assert.equal(catalog?.glob, 'chora.*.yaml')
  assert.equal(catalog?.compat, false)
  assert.deepEqual(catalog?.targets['main'], { etcd, prefix: '/chora/capabilities/', inventory: '/chora/gitops-sync/' })
})

test('refuses what cannot work, each with its place', () => {
  const table: readonly (readonly [object, string])[] = [
    [sync({ directory: undefined }), 'catalog.directory'],
    [sync({ glob: 'a/*.yaml' }), 'catalog.glob'],
    [sync({ source_id: 'a/b' }), 'catalog.source_id'],
    [sync({ targets: {} }), 'catalog.targets'],
    [sync({ typo: 1 }), 'catalog'],
    [sync({ interval: '1m', cron: '@daily' }), 'catalog.cron'],
    [sync({}, {}), 'catalog.targets.main'],
    [sync({}, { etcd, store: true }), 'catalog.targets.main'],
    [sync({}, { etcd, prefix: '/no-slash' }), 'catalog.targets.main.prefix'],
    [sync({}, { etcd, prefix: '/chora/' }), 'catalog.targets.main.inventory'],
    [sync({}, { etcd: { endpoints: [] } }), 'catalog.targets.main.etcd.endpoints'],
    [sync({}, { etcd: { endpoints: ['http://u:p@h'] } }), 'catalog.targets.main.etcd.endpoints.0'],
    [sync({}, { etcd: { ...etcd, username: 'u' } }), 'catalog.targets.main.etcd'],
    [sync({}, { etcd: { ...etcd, tls: { cert: 'c.pem' } } }), 'catalog.targets.main.etcd.tls'],
  ]
  for (const [config, path] of table) {
    const { error } = CapabilitiesConfig.safeParse(config)
    assert.deepEqual(
      error?.issues.map((issue) => issue.path.join('.')),
      [path],
      JSON.stringify(config),
    )
  }
})

test('a repository instead of a folder: what git takes, and nothing that hides a secret or an option', () => {
  const git = (more: object) => sync({ directory: undefined, git: { url: 'https://git.example/x.git', ...more } })
  const password = { username: 'u', password: 'p' }
  for (const more of [
    {},
    { ref: 'release/1.2', path: 'a/b c/', token: 't' },
    { ref: 'a'.repeat(40), ...password },
    { url: 'http://127.0.0.1:3000/x.git', ...password },
    { url: 'git@git.example:team/x.git', ssh_key: 'keys/id', known_hosts: 'keys/known' },
    { url: 'ssh://git@git.example:22/x.git' },
    { url: 'file:///srv/x.git' },
    { url: './x.git' },
    { url: '/srv/x.git' },
  ]) {
    assert.equal(CapabilitiesConfig.safeParse(git(more)).error, undefined, JSON.stringify(more))
  }
  const table: readonly (readonly [object, string])[] = [
    [{ url: 'https://u:p@git.example/x.git' }, 'url'],
    [{ url: 'https://token@git.example/x.git' }, 'url'],
    [{ url: 'http://git.example/x.git', token: 't' }, 'url'],
    [{ url: 'http://127.0.0.1.evil.example/x.git', token: 't' }, 'url'],
    ...[
      'ext::sh -c x',
      '-x',
      '--upload-pack=x',
      'ssh://-oProxyCommand=x',
      'x',
      'ftp://h/x',
      '-u@h:x',
      'https://h/a b',
    ].map((url): [object, string] => [{ url }, 'url']),
    ...['-x', 'a b', 'a..b', 'x.lock', 'a:b', 'a*', '@{u}', 'a^', '/a', 'a/'].map((ref): [object, string] => [
      { ref },
      'ref',
    ]),
    [{ path: '../x' }, 'path'],
    [{ path: 'a\nb' }, 'path'],
    [{ token: 't', ...password }, 'password'],
    [{ password: 'p' }, 'username'],
    [{ username: 'u' }, 'username'],
    [{ url: 'git@h:x', token: 't' }, 'token'],
    [{ ssh_key: 'a"b' }, 'ssh_key'],
    [{ depth: 2 }, ''],
  ]
  for (const [more, path] of table) {
    const { error } = CapabilitiesConfig.safeParse(git(more))
    const paths = error?.issues.map((issue) => issue.path.join('.'))
    assert.deepEqual(paths, [['catalog.git', path].filter((part) => part !== '').join('.')], JSON.stringify(more))
  }
  const both = sync({ git: { url: 'https://git.example/x.git' } })
  assert.deepEqual(CapabilitiesConfig.safeParse(both).error?.issues[0]?.path, ['catalog', 'git'])
})

test('the remote that settings name', () => {
  const of = (more: object) => gitRemoteOf(gitSettings.parse({ url: 'https://h/x.git', ...more }), '/base')
  assert.deepEqual(of({}), { url: 'https://h/x.git', ssh: {} })
  assert.deepEqual(of({ token: 't' }).login, { username: 'x-access-token', password: 't' })
  assert.deepEqual(of({ token: 't', username: 'u' }).login, { username: 'u', password: 't' })
  assert.equal(of({ url: '../x%.git' }).url, 'file:///x%25.git')
  assert.equal(of({ ca: 'ca.pem' }).ca, '/base/ca.pem')
  assert.deepEqual(of({ url: 'git@h:x', ssh_key: 'k', known_hosts: '/k' }).ssh, { key: '/base/k', knownHosts: '/k' })
  const pathOf = (path: string) => gitPathOf(gitSettings.parse({ url: 'https://h/x.git', path }))
  assert.deepEqual(['', '.', './a/', 'a//b', '/a/b/'].map(pathOf), ['', '', 'a', 'a/b', 'a/b'])
})
