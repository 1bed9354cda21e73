import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImagesConfig, stagesOf } from './config.ts'

const stage = { registry: 'main', image: 'team/shop', deployer: 'sh' }
const section = {
  registries: { main: { type: 'oci', host: 'main.example.io' } },
  deployers: { sh: { command: { command: ['/bin/true'] } } },
  projects: { shop: { stages: { production: stage } } },
}

function wrongIn(given: object): readonly string[] {
  return (ImagesConfig.safeParse(given).error?.issues ?? []).map(({ path }) => path.join('.'))
}

test('an empty section is one', () => {
  const config = ImagesConfig.parse({})
  assert.deepEqual([config.poll_interval, config.coalesce, stagesOf(config)], [300_000, 1_000, []])
})

test('stages of the config are known by project and stage', () => {
  const [only] = stagesOf(ImagesConfig.parse(section))
  assert.deepEqual([only!.key, only!.owner], ['shop/production', 'config'])
})

test('all that does not fit together is said at once, each where it stands', () => {
  const wrong = {
    ...section,
    hooks: { forge: { type: 'gitea', registry: 'forge', secrets: ['sixteen letters!'] } },
    projects: {
      shop: { stages: { production: { ...stage, registry: 'x' }, test: { ...stage, workload: { name: 'w' } } } },
      cart: { stages: { production: { ...stage, deployer: 'y' } } },
    },
  }
  assert.deepEqual(wrongIn(wrong).toSorted(), [
    'hooks.forge.registry',
    'projects.cart.stages.production.deployer',
    'projects.shop.stages.production.registry',
    'projects.shop.stages.test.workload',
  ])
})

test('a deployer is of one type; polling too often, and names that are none, are refused', () => {
  const deployers = (sh: object) => ({ ...section, deployers: { sh } })
  assert.deepEqual(wrongIn(deployers({})), ['deployers.sh'])
  assert.deepEqual(wrongIn(deployers({ docker: {}, command: { command: ['a'] } })), ['deployers.sh'])
  assert.deepEqual(wrongIn({ poll_interval: '9s' }), ['poll_interval'])
  assert.deepEqual(wrongIn({ projects: { 'a/b': {} } }), ['projects.a/b'])
})
