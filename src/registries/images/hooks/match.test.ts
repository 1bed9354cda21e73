import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMatch } from './match.ts'
import { homeOf, stageOf, type StageOptions } from './testing/hooks-ground.ts'

const stagesOf = (stages: readonly StageOptions[]) =>
  stages.map((one, n) => stageOf({ stage: `s${n}`, registry: 'forge', ...one }))

function matched(home: ReturnType<typeof homeOf>, stages: readonly StageOptions[], said: string): string {
  const colon = said.lastIndexOf(':')
  const tag = said.slice(colon + 1)
  const match = createMatch(home, stagesOf(stages))
  const found = match({ repository: said.slice(0, colon), tag: tag === '*' ? null : tag })
  return found.map(({ stage }) => stage).join(' ')
}

const forge = homeOf('forge', { host: 'forge.example:3000' })

test('a push is of every stage that follows its repository, and of no other', () => {
  const stages = [{}, { tags: ['v*', 'edge'] }, { image: 'team/shop/api' }, { registry: 'ghcr' }, { image: 'shop' }]
  assert.equal(matched(forge, stages, 'team/shop:v1'), 's0 s1')
  assert.equal(matched(forge, stages, 'team/shop/api:v1'), 's2')
  assert.equal(matched(forge, stages, 'team:v1'), '')
  assert.equal(matched(forge, stages, 'Team/Shop:v1'), '')
})

test('a host before it does not matter, whichever name the registry goes by', () => {
  for (const host of ['forge.example:3000', 'FORGE.example:3000', 'registry:5000', 'localhost', 'forge.internal']) {
    assert.equal(matched(forge, [{}], `${host}/team/shop:v1`), 's0', host)
  }
  assert.equal(matched(forge, [{}], 'other/team/shop:v1'), '')
  // The first part of a name may look like a host, too.
  assert.equal(matched(forge, [{ image: 'my.team/shop' }], 'my.team/shop:v1'), 's0')
})

test('case is folded where the registry folds it', () => {
  const gitea = homeOf('forge', { type: 'gitea', foldsCase: true })
  assert.equal(matched(gitea, [{ image: 'Team/Shop', tags: ['V*'] }], 'TEAM/shop:v1'), 's0')
  assert.equal(matched(forge, [{ tags: ['V*'] }], 'team/shop:v1'), '')
})

test('Docker Hub is one registry under several names, and its own images are in library', () => {
  const hub = homeOf('forge', { type: 'dockerhub', host: 'docker.io' })
  const stages = [{ image: 'nginx' }, { image: 'library/nginx' }, { image: 'team/nginx' }]
  for (const said of ['nginx:v1', 'library/nginx:v1', 'docker.io/nginx:v1', 'index.docker.io/library/nginx:v1']) {
    assert.equal(matched(hub, stages, said), 's0 s1', said)
  }
  assert.equal(matched(hub, stages, 'registry-1.docker.io/team/nginx:v1'), 's2')
})

test('tags that cannot count are no hints; in doubt they are', () => {
  assert.equal(matched(forge, [{}], 'team/shop:dev-1'), '')
  assert.equal(matched(forge, [{}], `team/shop:sha256-${'a'.repeat(64)}.sig`), '')
  assert.equal(matched(forge, [{ tags: ['v*', '!*-rc*'] }], 'team/shop:v1-rc1'), '')
  // It counts where there is no other.
  assert.equal(matched(forge, [{ tags: [] }], 'team/shop:latest'), 's0')
  assert.equal(matched(forge, [{}], 'team/shop:*'), 's0')
  assert.equal(matched(forge, [{ tags: ['[v'] }], 'team/shop:v1'), 's0')
})
