import assert from 'node:assert/strict'
import { test } from 'node:test'
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
