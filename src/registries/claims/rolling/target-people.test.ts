/** What people do to our branch, our request and the base. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clusterMap,
  createFileHouse,
  ourBranch,
  registryPath,
  type FileHouse,
  type FileSetting,
} from '../testing/file-house.ts'

async function proposed(setting: FileSetting = {}): Promise<FileHouse> {
  const house = createFileHouse(setting)
  house.tell('default/a', 'first')
  await house.pass()
  return house
}

const headOf = (house: FileHouse) => house.forge.repository.branches.get(ourBranch)
const parentOf = (house: FileHouse) => house.forge.repository.commits.get(headOf(house)!)!.parents[0]
const requestsOf = (house: FileHouse) => house.forge.repository.requests

test('one request is kept up to date, whatever changes', async () => {
  const house = await proposed()
  for (let n = 0; n < 5; n += 1) {
    house.tell('default/b', `message ${n}`)
    const calls = await house.callsOf(() => house.pass())
    assert.deepEqual(calls, ['head', 'find', 'commit', 'move', 'update'])
  }
  assert.equal(requestsOf(house).length, 1)
  assert.match(requestsOf(house)[0]!.body, /`message 4`/)
  assert.match(house.text(ourBranch)!, /first[^]*message 4/)
  assert.equal(parentOf(house), house.forge.repository.branches.get('main'))
})

test('what changes back is taken back, and nothing is left', async () => {
  const house = await proposed()
  house.tell('default/a', 'new')
  await house.pass()
  assert.deepEqual(house.open(), [])
  assert.deepEqual([...house.forge.repository.branches.keys()], ['main'])
  house.tell('default/a', 'first')
  await house.pass()
  assert.deepEqual(house.open(), [2], 'what we closed ourselves is no snooze')
})

test('merged, squashed or not, branch removed or left: applied, and nothing is left', async () => {
  for (const squash of [false, true]) {
    for (const removeBranch of [false, true]) {
      const house = await proposed()
      house.forge.repository.merge(1, { squash, removeBranch })
      await house.pass()
      assert.deepEqual([...house.forge.repository.branches.keys()], ['main'])
      house.tell('default/a', 'second')
      await house.pass()
      assert.deepEqual(house.open(), [2])
      assert.match(house.text(ourBranch)!, /second/)
    }
  }
})

test('merged while something new is told: a new request with the rest', async () => {
  for (const removeBranch of [false, true]) {
    const house = await proposed()
    house.tell('default/b', 'second')
    house.forge.repository.merge(1, { removeBranch })
    await house.pass()
    assert.deepEqual(house.open(), [2])
    assert.equal(parentOf(house), house.forge.repository.branches.get('main'))
    assert.match(house.text(ourBranch)!, /first[^]*second/)
  }
})

test('closed unmerged: left alone until there is something else to say, also after a restart', async () => {
  for (const forgetful of [false, true]) {
    const house = await proposed()
    const key = house.tell('default/a', 'first')
    house.forge.repository.closeRequest(1)
    for (let pass = 0; pass < 4; pass += 1) await house.pass()
    if (forgetful) house.restart({ forgetful })
    for (let pass = 0; pass < 14; pass += 1) await house.pass()
    assert.equal(requestsOf(house).length, 1)
    assert.equal((await house.row(key))?.reason, 'snoozed')
    house.tell('default/b', 'second')
    await house.pass()
    assert.deepEqual(house.open(), [2])
    assert.match(house.text(ourBranch)!, /first[^]*second/)
  }
})

test('opened again by whoever closed it: kept up to date again', async () => {
  const house = await proposed()
  house.forge.repository.closeRequest(1)
  await house.pass()
  requestsOf(house)[0]!.state = 'open'
  await house.pass()
  house.tell('default/b', 'second')
  await house.pass()
  assert.deepEqual(house.open(), [1])
  assert.match(house.text(ourBranch)!, /second/)
})

test('a branch that is removed is made again: at once where it is all there is, else with what is new', async () => {
  const plain = await proposed({ requests: false })
  plain.forge.repository.set(ourBranch, null)
  await plain.pass()
  assert.match(plain.text(ourBranch)!, /first/)

  // Removing its branch has closed the request.
  const house = await proposed()
  house.forge.repository.set(ourBranch, null)
  await house.pass()
  assert.equal(headOf(house), undefined)
  house.tell('default/a', 'second')
  await house.pass()
  assert.deepEqual(house.open(), [2])
  assert.match(house.text(ourBranch)!, /second/)
})

test('a commit of somebody else stops us, with one comment', async () => {
  for (const forgetful of [false, true]) {
    const house = await proposed()
    const theirs = house.forge.repository.push(ourBranch, { 'README.md': 'by hand' })
    if (forgetful) house.restart({ forgetful })
    for (const message of ['second', 'third', 'fourth']) {
      house.tell('default/a', message)
      await house.pass()
    }
    assert.equal(headOf(house), theirs)
    assert.equal(requestsOf(house)[0]!.comments.length, 1)
    assert.equal(requestsOf(house).length, 1)
    assert.equal((await house.row(house.tell('default/a', 'fourth')))?.reason, 'foreign-commit')

    house.forge.repository.merge(1, { removeBranch: false })
    await house.pass()
    assert.deepEqual(house.open(), [2])
    assert.match(house.text(ourBranch)!, /fourth/)
    assert.equal(house.forge.repository.text(ourBranch, 'README.md'), 'by hand')
  }
})

test('a branch that was set back to our commit, or removed, is ours again', async () => {
  for (const back of [true, false]) {
    const house = await proposed()
    const ours = headOf(house)!
    house.forge.repository.push(ourBranch, { [registryPath]: 'theirs: []\n' })
    house.tell('default/a', 'second')
    await house.pass()
    house.forge.repository.set(ourBranch, back ? ours : null)
    await house.pass()
    assert.match(house.text(ourBranch)!, /second/)
    assert.equal(house.open().length, 1)
  }
})

test('somebody who commits while we do is not overrun', async () => {
  const house = await proposed()
  let theirs = ''
  house.forge.before('move', () => {
    theirs = house.forge.repository.push(ourBranch, { 'README.md': 'by hand' })
  })
  house.tell('default/a', 'second')
  await house.pass()
  assert.equal(headOf(house), theirs)
  await house.pass()
  assert.equal(headOf(house), theirs)
  assert.equal(requestsOf(house)[0]!.comments.length, 1)
})

test('somebody who commits while we clear away keeps the branch', async () => {
  const house = await proposed()
  let theirs = ''
  house.forge.before('remove', () => {
    theirs = house.forge.repository.push(ourBranch, { 'README.md': 'by hand' })
  })
  house.tell('default/a', 'new')
  const report = await house.pass()
  assert.equal(report.ok, false)
  await house.pass()
  assert.equal(headOf(house), theirs)
  assert.equal(await house.owed(), null)
})

test('a base that goes on elsewhere costs nothing; one whose registry changes has us follow', async () => {
  const house = await proposed()
  const ours = headOf(house)
  house.forge.repository.push('main', { 'README.md': 'more' })
  await house.pass()
  assert.equal(headOf(house), ours)
  const main = house.forge.repository.push('main', {
    [registryPath]: house.text()!.replace('# claims', '# all claims'),
  })
  await house.pass()
  assert.equal(parentOf(house), main)
  assert.match(house.text(ourBranch)!, /# all claims[^]*first/)
  assert.equal(requestsOf(house).length, 1)
})

test('what a base lost by force does not come back through us', async () => {
  const house = createFileHouse()
  house.forge.repository.push('main', { secret: 'leaked' })
  house.tell('default/a', 'first')
  await house.pass()
  house.forge.repository.forcePush('main', { secret: null })
  await house.pass()
  assert.equal(parentOf(house), house.forge.repository.branches.get('main'))
  assert.equal(house.forge.repository.text(ourBranch, 'secret'), null)
  assert.deepEqual([house.open(), requestsOf(house).length], [[1], 1])
})

test('fields that another writer drops are put back', async () => {
  const house = await proposed()
  house.forge.repository.merge(1)
  await house.pass()
  const dropped = house.text()!.replaceAll(/^ +(statusMessage|lastCheckedAt):.*\n/gm, '')
  house.forge.repository.push('main', { [registryPath]: dropped })
  await house.pass()
  assert.deepEqual(house.open(), [2])
  assert.match(house.text(ourBranch)!, /claimRef: default\/a\n +statusMessage: first\n +lastCheckedAt: /)
})

test('what comes soon after a change goes with the next one', async () => {
  const house = await proposed()
  const first = headOf(house)
  house.tell('default/b', 'second')
  assert.deepEqual(await house.callsOf(() => house.pass(20_000)), ['head'])
  assert.equal(headOf(house), first)
  // Whoever listens is told once it may go.
  const stop = new AbortController()
  const told = house.target.hints!(stop.signal)[Symbol.asyncIterator]().next()
  let early = true
  void told.then(() => (early = false))
  await house.clock.advance(39_000)
  assert.ok(early)
  await house.clock.advance(2_000)
  assert.equal((await told).done, false)
  stop.abort()
  await house.pass(0)
  assert.match(house.text(ourBranch)!, /second/)
})

test('claims that are gone: kept, marked or taken out', async () => {
  for (const onDelete of ['keep', 'mark', 'remove'] as const) {
    const house = createFileHouse({ target: { onDelete }, files: { [registryPath]: clusterMap(['a', 'b']) } })
    const key = house.tell('default/a', 'first')
    house.tell('default/b', 'new')
    await house.pass()
    house.forge.repository.merge(1)
    await house.pass()
    house.drop('default/a')
    await house.pass()
    if (onDelete === 'keep') {
      assert.deepEqual(house.open(), [])
      assert.match(house.text()!, /first/)
    } else {
      assert.deepEqual(house.open(), [2])
      house.forge.repository.merge(2)
      await house.pass()
      if (onDelete === 'mark') assert.match(house.text()!, /claimRef: default\/a\n +statusMessage: deleted/)
      else assert.doesNotMatch(house.text()!, /name: a/)
    }
    assert.equal(await house.row(key), null)
    assert.equal(await house.owed(), null)
    assert.match(house.text()!, /name: b/)
  }
})

test('what is gone before it was merged is taken back', async () => {
  const house = await proposed({ target: { onDelete: 'keep' } })
  house.tell('default/b', 'second')
  await house.pass()
  house.drop('default/a')
  await house.pass()
  assert.doesNotMatch(house.text(ourBranch)!, /first/)
  assert.match(house.text(ourBranch)!, /second/)
})

test('two clusters that claim one entry are told of, and neither is written', async () => {
  const files = {
    [registryPath]:
      'apiVersion: claim-registry.io/v1alpha1\nkind: ClaimRegistry\nclaims:\n  - name: a\n    namespace: default\n',
  }
  const house = createFileHouse({ files })
  const keys = ['one', 'two'].map((cluster) => house.tell('default/a', `of ${cluster}`, { cluster }))
  await house.pass()
  for (const key of keys) assert.equal((await house.row(key))?.reason, 'ambiguous')
  assert.equal(requestsOf(house).length, 0)
  const { ambiguous } = await house.target.preview(new AbortController().signal)
  assert.match(ambiguous.get(keys[0]!)!, /"one", "two"/)
})

test('a preview says what a pass would propose, and writes nothing', async () => {
  const house = createFileHouse()
  house.tell('default/a', 'first', { observedAt: Date.UTC(2026, 10, 21, 5, 0, 36, 999) })
  house.tell('default/none', 'first')
  await house.pass()
  const before = house.forge.calls.length
  const { diff, changes, unmatched } = await house.target.preview(new AbortController().signal)
  assert.equal(
    diff,
    [
      `--- a/${registryPath}`,
      `+++ b/${registryPath}`,
      '@@ -3,8 +3,8 @@',
      '   - name: a',
      '     namespace: default',
      '     claimRef: default/a',
      '-    statusMessage: new',
      "-    lastCheckedAt: '2026-01-01T00:00:00Z'",
      '+    statusMessage: first',
      "+    lastCheckedAt: '2026-11-21T05:00:36Z'",
      '   - name: b',
      '     namespace: default',
      '     claimRef: default/b',
      '',
    ].join('\n'),
  )
  assert.deepEqual([changes, unmatched], [1, ['one/default%2Fnone']])
  assert.deepEqual(
    house.forge.calls.slice(before).map(({ step }) => step),
    ['head'],
  )
})

test('statuses beside the registry: in a file of our own, which is made', async () => {
  const sidecar = 'claims/status.yaml'
  const house = createFileHouse({ target: { sidecar } })
  const key = house.tell('default/a', 'first')
  await house.pass()
  house.forge.repository.merge(1)
  await house.pass()
  assert.equal((await house.row(key))?.state, 'applied')
  assert.equal(house.text(), clusterMap(['a', 'b', 'c']))
  assert.match(house.forge.repository.text('main', sidecar)!, /claimRef: default\/a\n +statusMessage: first/)
  house.tell('default/a', 'second')
  await house.pass()
  assert.match(house.forge.repository.text(ourBranch, sidecar)!, /second/)
  assert.deepEqual(house.open(), [2])
})

test('entries that only their manifests name are found by them, each read once', async () => {
  const entries = ['a', 'b', 'c'].map(
    (name) => `  - name: machine-${name}\n    namespace: x\n    path: claims/${name}.yaml\n`,
  )
  const manifest = (name: string) =>
    `apiVersion: example.org/v1\nkind: Machine\nmetadata: { name: ${name}, namespace: default }\n`
  const files = {
    [registryPath]: `kind: ClaimRegistry\nclaims:\n${entries.join('')}`,
    'claims/a.yaml': manifest('a'),
    'claims/b.yaml': manifest('b'),
    'claims/c.yaml': 'no: manifest\n',
  }
  const house = createFileHouse({ files, target: { matchByPath: true, cluster: 'one' } })
  const object = { group: 'example.org', kind: 'Machine', namespace: 'default', name: 'a' }
  house.tell('default/a', 'first', { object })
  await house.pass()
  assert.match(house.text(ourBranch)!, /path: claims\/a.yaml\n +statusMessage: first/)
  house.tell('default/b', 'second', { object: { ...object, name: 'b' } })
  const calls = await house.callsOf(() => house.pass())
  assert.deepEqual(
    calls.filter((step) => step === 'read'),
    [],
  )
  assert.match(house.text(ourBranch)!, /path: claims\/b.yaml\n +statusMessage: second/)
})

test('what the original left is closed as superseded, one at a time; what a person made theirs is not', async () => {
  const house = createFileHouse({ target: { change: { title: 'chore: update claim statuses', closeLeftovers: true } } })
  const { repository } = house.forge
  const leave = (branch: string, body: string | null) => {
    repository.set(branch, repository.branches.get('main')!)
    repository.push(branch, { [registryPath]: 'theirs: []\n' })
    if (body !== null)
      repository.open({ from: branch, into: 'main', title: 'chore: update claim statuses', body, draft: false })
  }
  leave('status-update-1795237200', 'Automated status update from machinery-status-collector.')
  leave('status-update-1795237201', null)
  leave('status-update-1795237202', 'Mine now.')
  leave('status-update-mine', null)
  house.tell('default/a', 'first')
  for (let pass = 0; pass < 6; pass += 1) {
    const calls = await house.callsOf(() => house.pass())
    assert.ok(calls.length <= 8, calls.join(' '))
  }
  assert.deepEqual([...repository.branches.keys()].toSorted(), [
    ourBranch,
    'main',
    'status-update-1795237202',
    'status-update-mine',
  ])
  assert.deepEqual(
    repository.requests.map(({ state, comments }) => [state, comments]),
    [
      ['closed', ['Superseded by #3.']],
      ['open', []],
      ['open', []],
    ],
  )
})
