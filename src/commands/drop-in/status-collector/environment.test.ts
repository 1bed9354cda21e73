import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readInformerSettings } from './informer-settings.ts'
import { readServerSettings } from './server-settings.ts'
import { informerHelp, serverHelp } from './environment-help.ts'

const server = {
  GITHUB_TOKEN: 't',
  REGISTRY_REPO_OWNER: 'o',
  REGISTRY_REPO_NAME: 'r',
  REGISTRY_FILE_PATH: 'claims/registry.yaml',
}
const informer = { CLUSTER_NAME: 'c', COLLECTOR_URL: 'http://c:8095/', CLAIM_GROUP: 'g.io', CLAIM_RESOURCE: 'vms' }

const missing = (...names: string[]) => ({
  message: `missing required environment variables:\n${names.map((name) => `  ${name}`).join('\n')}`,
})

/** Names that `read` asks for. */
function asked(read: (env: Record<string, string>) => unknown, given: Record<string, string>): Set<string> {
  const names = new Set<string>()
  read(
    new Proxy(given, {
      get(env, name) {
        names.add(String(name))
        return env[String(name)]
      },
    }),
  )
  return names
}

const told = (help: string) => new Set([...help.matchAll(/^ {2}([A-Z_]+)/gm)].map(([, name]) => name!))

describe('environment of the server', () => {
  test('what is missing is told at once, in one order; empty is missing', () => {
    assert.throws(() => readServerSettings({}), missing(...Object.keys(server)))
    assert.throws(() => readServerSettings({ ...server, REGISTRY_REPO_NAME: '' }), missing('REGISTRY_REPO_NAME'))
    const git = ['REGISTRY_FORGE_URL', 'REGISTRY_FILE_PATH']
    assert.throws(() => readServerSettings({ REGISTRY_FORGE: 'git' }), missing(...git))
    const gitea = ['REGISTRY_FORGE_URL', 'REGISTRY_FORGE_TOKEN', ...Object.keys(server).slice(1)]
    assert.throws(() => readServerSettings({ REGISTRY_FORGE: 'forgejo' }), missing(...gitea))
    const app = ['GITHUB_APP_INSTALLATION_ID', 'GITHUB_APP_PRIVATE_KEY_FILE', ...Object.keys(server).slice(1)]
    assert.throws(() => readServerSettings({ GITHUB_APP_ID: '7' }), missing(...app))
  })

  test('without more than that it is what the original does', () => {
    const settings = readServerSettings({ ...server, GITHUB_TOKEN: 't\n' })
    assert.deepEqual(settings.place, { is: 'github', repository: 'o/r', api: null, credentials: { token: 't' } })
    const { port, interval, base, host, onDelete, tls, dryRun } = settings
    assert.deepEqual(
      { port, interval, base, host, onDelete, tls, dryRun },
      {
        port: '8095',
        interval: 300_000,
        base: 'main',
        host: null,
        onDelete: 'keep',
        tls: null,
        dryRun: false,
      },
    )
  })

  test('intervals, in the words of Go', () => {
    const read = (interval: string) => () =>
      readServerSettings({ ...server, COLLECTOR_RECONCILE_INTERVAL: interval }).interval
    assert.deepEqual(
      ['1h30m', '500ms', '1.5h', '2us'].map((text) => read(text)()),
      [5_400_000, 500, 5_400_000, 0.002],
    )
    const invalid = (what: string) => ({ message: `invalid COLLECTOR_RECONCILE_INTERVAL: ${what}` })
    assert.throws(read('abc'), invalid('time: invalid duration "abc"'))
    assert.throws(read('5'), invalid('time: missing unit in duration "5"'))
    assert.throws(read('1d'), invalid('time: unknown unit "d" in duration "1d"'))
    assert.throws(read('0s'), invalid('"0s" is not more than 0'))
    assert.throws(read('-5m'), invalid('"-5m" is not more than 0'))
  })

  test('all that is wrong is told at once', () => {
    const env = {
      ...server,
      COLLECTOR_RECONCILE_INTERVAL: '5',
      REGISTRY_ON_DELETE: 'purge',
      COLLECTOR_TLS_KEY_FILE: 'k',
    }
    assert.throws(
      () => readServerSettings(env),
      (thrown: Error) => {
        const lines = thrown.message.split('\n')
        assert.equal(lines.length, 3)
        for (const name of Object.keys(env).slice(4))
          assert.ok(
            lines.some((line) => line.includes(name)),
            name,
          )
        return true
      },
    )
    const forge = { ...server, REGISTRY_FORGE: 'gitlab' }
    assert.throws(() => readServerSettings(forge), /invalid REGISTRY_FORGE: "gitlab" is none of github, gitea/)
    const both = { ...server, GITHUB_APP_ID: '1', GITHUB_APP_INSTALLATION_ID: '2', GITHUB_APP_PRIVATE_KEY_FILE: 'f' }
    assert.throws(() => readServerSettings(both), /exclude each other/)
  })

  test('a password in the URL of an API is refused, and not repeated', () => {
    const env = { ...server, REGISTRY_FORGE_URL: 'https://me:hush@host/api/v3' }
    assert.throws(
      () => readServerSettings(env),
      (thrown: Error) => !thrown.message.includes('hush'),
    )
  })

  test('--help tells of every variable that is read, and of no other', () => {
    const names = new Set<string>()
    for (const forge of ['github', 'gitea', 'git']) {
      const more = { REGISTRY_FORGE: forge, REGISTRY_FORGE_URL: 'https://h', REGISTRY_FORGE_TOKEN: 't' }
      for (const name of asked(readServerSettings, { ...server, ...more, COLLECTOR_STALE_AFTER: '1h' })) names.add(name)
    }
    assert.deepEqual([...told(serverHelp)].toSorted(), [...names, 'LOG_LEVEL'].toSorted())
  })
})

describe('environment of the informer', () => {
  test('what is missing is told at once, in one order', () => {
    assert.throws(() => readInformerSettings({}), missing(...Object.keys(informer)))
    assert.throws(() => readInformerSettings({ CLAIM_DISCOVER: 'true' }), missing('CLUSTER_NAME', 'COLLECTOR_URL'))
  })

  test('one kind, as the original; a slash at the end of the URL does no harm', () => {
    const { url, kinds, namespaces, messages, snapshotEvery } = readInformerSettings(informer)
    assert.equal(url, 'http://c:8095')
    assert.deepEqual(kinds, [{ group: 'g.io', version: 'v1alpha1', resource: 'vms' }])
    assert.deepEqual([namespaces, messages, snapshotEvery], [[], 'full', 600_000])
  })

  test('several kinds, all of a group', () => {
    const { CLUSTER_NAME, COLLECTOR_URL } = informer
    const kinds = (env: Record<string, string>) =>
      readInformerSettings({ CLUSTER_NAME, COLLECTOR_URL, ...env }).kinds.map(
        ({ group, version, resource }) => `${group} ${version} ${resource}`,
      )
    assert.deepEqual(kinds({ CLAIM_KINDS: 'a.io/x, b.io/v2/y,c.io/*' }), ['a.io null x', 'b.io v2 y', 'c.io null *'])
    assert.deepEqual(kinds({ CLAIM_GROUP: 'g', CLAIM_RESOURCE: '*' }), ['g null *'])
    assert.deepEqual(kinds({ CLAIM_DISCOVER: '1' }), [])
    for (const spoiled of ['x', 'a/b/c/d', 'a//x']) assert.throws(() => kinds({ CLAIM_KINDS: spoiled }), /CLAIM_KINDS/)
    assert.throws(() => kinds({ CLAIM_KINDS: 'a/x', CLAIM_GROUP: 'g' }), /CLAIM_GROUP and CLAIM_RESOURCE go together/)
  })

  test('--help tells of every variable that is read, and of no other', () => {
    assert.deepEqual(
      [...told(informerHelp)].toSorted(),
      [...asked(readInformerSettings, informer), 'LOG_LEVEL'].toSorted(),
    )
  })
})
