import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { strategies } from '../model.ts'
import { configOf, definitionOf, editionOf, stageDefinition, stageOf } from './definition.ts'
import { faultsOf, settledImage } from './rules.ts'
import { stageFor } from './testing/stages.ts'

const least = { registry: 'main', image: 'team/shop', deployer: 'docker' }

/** Paths of what is wrong. */
function wrongIn(given: object): readonly string[] {
  const { error } = stageDefinition.safeParse({ ...least, ...given })
  return (error?.issues ?? []).map(({ path }) => path.join('.'))
}

test('three lines make a stage; everything else has a default', () => {
  const stage = stageFor('shop/production')
  assert.deepEqual(
    [stage.selection, stage.polling, stage.autoDeploy, stage.deployOnFirst, stage.allowDowngrade, stage.approval],
    [{ tags: [], strategy: 'auto', range: null }, true, true, false, false, null],
  )
  assert.deepEqual([stage.windows, stage.schedule, stage.platform, stage.workload], [[], null, null, null])
})

test('what is wrong is named by its setting', () => {
  const table: readonly (readonly [object, string])[] = [
    [{ image: 'Team/Shop' }, 'image'],
    [{ image: 'team/shop:v1' }, 'image'],
    [{ image: 'https://main.example.io/team/shop' }, 'image'],
    [{ pattern: '' }, 'pattern'],
    [{ pattern: ['[a'] }, 'pattern'],
    [{ strategy: 'newest' }, 'strategy'],
    [{ strategy: 'semver', range: 'latest' }, 'range'],
    [{ schedule: 'now and then' }, 'schedule'],
    [{ window: 'at night' }, 'window'],
    [{ platform: 'arm64' }, 'platform'],
    [{ approval: { count: 0 } }, 'approval'],
    [{ workload: { name: 'Shop' } }, 'workload.name'],
    [{ aproval: true }, ''],
  ]
  for (const [given, path] of table) {
    const found = wrongIn(given)
    assert.ok(
      found.length > 0 && found.every((one) => one.startsWith(path)),
      `${JSON.stringify(given)}: ${found.join()}`,
    )
  }
})

const definitions = fc.record(
  {
    registry: fc.constantFrom('main', 'other'),
    image: fc.constantFrom('team/shop', 'nginx', 'main.example.io:5000/a/b'),
    deployer: fc.constantFrom('docker', 'cluster'),
    pattern: fc.constantFrom<string | string[]>('v*', ['v*', '!*-rc*'], []),
    strategy: fc.constantFrom('auto', 'semver', 'alphabetical', 'created'),
    platform: fc.constantFrom('linux/arm64', 'linux/arm/v7'),
    schedule: fc.constantFrom('@every 10m', '90s', '0 3 * * 1-5'),
    polling: fc.boolean(),
    auto_deploy: fc.boolean(),
    workload: fc.constantFrom<object>({ name: 'a' }, { kind: 'DaemonSet', name: 'a', namespace: 'b', container: 'c' }),
    approval: fc.constantFrom<unknown>(true, {}, { count: 3 }, { count: 2, within: '36h' }),
    window: fc.constantFrom<string | string[]>('Sat 22:00-23:00', ['Mon-Fri 01:00-02:00', 'Sat 22:00-23:00']),
    deploy_on_first: fc.boolean(),
    allow_downgrade: fc.boolean(),
  },
  { requiredKeys: ['registry', 'image', 'deployer'] },
)

test('a stage written back is the same stage, and has the same edition', () => {
  fc.assert(
    fc.property(definitions, (given) => {
      const stage = stageOf('shop', 'production', stageDefinition.parse(given), 'api')
      const written = JSON.parse(JSON.stringify(definitionOf(stage))) as object
      const again = stageOf('shop', 'production', stageDefinition.parse(written), 'api')
      assert.deepEqual(again, stage)
      assert.equal(editionOf(again), editionOf(stage))
    }),
  )
})

test('what decides which version is the newest makes another configuration, and nothing else does', () => {
  const before = configOf(stageFor())
  for (const same of [{ schedule: '10m' }, { auto_deploy: false }, { window: 'Sat 22:00-23:00' }, { polling: false }]) {
    assert.equal(configOf(stageFor('shop/production', same)), before)
  }
  const others = [{ image: 'team/cart' }, { registry: 'b' }, { pattern: 'v*' }, { platform: 'linux/arm64' }]
  const strategy = strategies.filter((one) => one === 'semver' || one === 'created')
  for (const other of [...others, ...strategy.map((one) => ({ strategy: one }))]) {
    assert.notEqual(configOf(stageFor('shop/production', other)), before)
  }
})

test('registries and deployers are there, and fit', () => {
  const around = {
    registries: new Map([
      ['main', { type: 'oci', times: false }],
      ['forge', { type: 'gitea', times: true }],
    ]),
    deployers: new Map([
      ['docker', 'docker'],
      ['cluster', 'kubernetes'],
    ]),
  }
  const wrong = (given: object) => faultsOf(stageFor('shop/production', given), around).map(({ path }) => path.join())
  assert.deepEqual(wrong({}), [])
  assert.deepEqual(wrong({ registry: 'x', deployer: 'y' }), ['registry', 'deployer'])
  assert.deepEqual(wrong({ strategy: 'pushed' }), ['strategy'])
  assert.deepEqual(wrong({ registry: 'forge', strategy: 'pushed' }), [])
  assert.deepEqual(wrong({ deployer: 'cluster' }), ['workload'])
  assert.deepEqual(wrong({ deployer: 'cluster', workload: { name: 'shop' } }), [])
  assert.deepEqual(wrong({ workload: { name: 'shop' } }), ['workload'])
})

test('one repository has one name', () => {
  const hub = (image: string) => `docker.io/${image.includes('/') ? image : `library/${image}`}`
  const registries = new Map([['main', { host: 'docker.io', reference: hub }]])
  const settled = (image: string) => settledImage(stageFor('shop/production', { image }), registries).image
  assert.deepEqual(['nginx', 'library/nginx', 'docker.io/nginx', 'docker.io/library/nginx', 'team/shop'].map(settled), [
    'library/nginx',
    'library/nginx',
    'library/nginx',
    'library/nginx',
    'team/shop',
  ])
})
