/** `regista images` against a server: what it prints, on which stream, and what it exits with. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { fakeTerminal } from '../src/commands/testing/terminal.ts'
import { digestOf, serveImages, type ServedImages } from '../src/registries/images/routes/testing/served.ts'
import { stageFor } from '../src/registries/images/stages/testing/stages.ts'
import { command, startCommand } from './parts/commands.ts'
import type { Ran } from './parts/regista.ts'

const production = stageFor()

function images(at: ServedImages, line: string, given?: Parameters<typeof fakeTerminal>[0]): Promise<Ran> {
  return command(['images', ...line.split(' '), '--url', at.addresses.url], given)
}

/** v1.0.0 runs, v1.1.0 waits for its window. */
async function waiting(at: ServedImages): Promise<string> {
  const { revision } = await at.seen(production, 'v1.1.0')
  const runs = digestOf('v1.0.0')
  const previous = { tag: 'v0.9.0', digest: digestOf('v0.9.0') }
  const receipt = { tag: 'v1.0.0', digest: runs, revision: runs, at: 5_000, took: 1_500, effectId: 'e', previous }
  const held = { state: 'held', digest: runs, digestLabel: 'v1.0.0', want: revision, label: 'v1.1.0', receipt } as const
  await at.delivered(production, held)
  await at.held(production, 'window', { until: 90_000, label: 'v1.1.0' })
  return revision
}

test('ls and get show what runs, what is wanted and why it waits; piped without colours, as JSON whole', async () => {
  await using at = await serveImages({ stages: [production, stageFor('shop/test')] })
  await waiting(at)
  const listed = await images(at, 'ls')
  const [head, first] = listed.stdout.split('\n')
  assert.equal(head, 'STAGE\tRUNS\tWANTED\tSTATE\tRESULT\tPOLLED\tIMAGE\tDEPLOYER\tWHY')
  assert.match(
    first!,
    /^shop\/production\tv1\.0\.0\tv1\.1\.0\theld\t-\t-\tmain\.example\.io\/team\/shop\tdocker\tit is outside/,
  )
  const filtered = JSON.parse((await images(at, 'ls --state held --output json')).stdout) as { stage: string }[]
  assert.deepEqual(
    filtered.map(({ stage }) => stage),
    ['production'],
  )
  assert.equal((await images(at, 'ls --state hold')).code, 64)
  const shown = (await images(at, 'get shop/production', { screen: true })).stdout
  for (const part of [
    '<bold>shop/production</bold>  <yellow>held</yellow>',
    'why: it is outside of the maintenance windows',
    'next: regista images deploy shop/production --force',
    'deployed: v1.0.0 (sha256:',
    'candidate: v1.1.0',
    'previous: v0.9.0',
    'seen: v1.1.0',
  ]) {
    assert.ok(shown.includes(part), `${part}\n${shown}`)
  }
  const missing = await images(at, 'get shop/none')
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(missing.stderr, /There is no stage shop\/none; `regista images ls` lists what there is/)
  assert.equal((await images(at, 'get shop')).code, 64)
})

test('a look whose result leaves open what is the newest is exit 1, with the next step', async () => {
  await using at = await serveImages()
  const ran = await images(at, 'check shop/production')
  assert.equal(ran.code, 1)
  assert.match(ran.stdout, /team\/shop was looked at: no_match, none of 3 tags matches v\*/)
  assert.match(ran.stderr, /next: regista images test-pattern shop\/production/)
})

test('a dry run says what would be done, and does nothing', async () => {
  await using at = await serveImages({ tags: { v2: 'two' } })
  await waiting(at)
  for (const [line, what] of [
    ['deploy shop/production', 'would be done: v1.1.0 goes to shop/production'],
    ['deploy shop/production --tag v2', 'would be done: shop/production goes to v2'],
    ['rollback shop/production', 'would be done: shop/production goes to v0.9.0'],
    ['redeploy shop/production', 'would be done: v1.1.0 goes to shop/production once more'],
    ['pause shop/production', 'would be done: shop/production is paused'],
    ['settings --poll-interval 1m', 'poll_interval would be 1m'],
  ] as const) {
    const ran = await images(at, `${line} --dry-run`)
    assert.equal(ran.code, 0, ran.stderr)
    assert.ok((ran.stdout + ran.stderr).includes(what), `${line}\n${ran.stdout}${ran.stderr}`)
  }
  const { pin, asked, paused, generation } = at.book.state(production.key)
  assert.deepEqual([pin, asked, paused, generation], [null, null, null, 0])
  assert.deepEqual([at.engine.calls.length, at.pollInterval.get()], [0, 300_000])
})

test('--wait tells the steps and ends when it runs', async () => {
  await using at = await serveImages()
  const revision = await waiting(at)
  const running = startCommand(['images', 'deploy', 'shop/production', '--wait', '--url', at.addresses.url])
  await until(() => at.book.state(production.key).asked !== null)
  await at.delivered(production, { state: 'sending', digest: null, want: revision })
  at.progress.set(production.key, { step: 'probing (2 of 3)', revision, since: 1, stepAt: 1 })
  await until(() => running.printed.err.includes('probing (2 of 3)'))
  await at.delivered(production, { state: 'applied', digest: revision, digestLabel: 'v1.1.0' })
  const ran = await running.ended
  assert.deepEqual([ran.code, ran.stdout], [0, 'shop/production runs v1.1.0\n'], ran.stderr)
})

test('--wait is exit 1 for what was rolled back, held, overtaken or not done in time, and says why', async () => {
  await using at = await serveImages()
  const revision = await waiting(at)
  const args = ['images', 'deploy', 'shop/production', '--wait', '--url', at.addresses.url]
  const held = await command(args)
  assert.equal(held.code, 1)
  assert.match(
    held.stderr,
    /it is outside of the maintenance windows\nnext: regista images deploy shop\/production --force/,
  )
  const late = await command([...args, '--timeout', '1s'])
  assert.equal(late.code, 1)
  assert.match(late.stderr, /not done after 1s, and it goes on/)

  const overtaken = startCommand(args)
  await until(() => overtaken.printed.err.includes('held: '))
  await at.seen(production, 'v1.2.0')
  const other = await overtaken.ended
  assert.deepEqual([other.code, /v1\.2\.0 is wanted there by now/.test(other.stderr)], [1, true])

  await at.seen(production, 'v1.1.0')
  const back = startCommand(args)
  await until(() => back.printed.err.includes('held: '))
  const why = { reason: 'rolled-back', detail: 'it exited with 1' } as const
  await at.delivered(production, { state: 'rejected', digest: null, want: revision, ...why })
  const ended = await back.ended
  assert.deepEqual([ended.code, ended.stdout], [1, ''])
  assert.match(ended.stderr, /shop\/production: it exited with 1\nnext: .*regista images redeploy shop\/production/)
})

test('approve agrees to what is shown; settings, pause, resume, unpin, history', async () => {
  const stage = stageFor('shop/production', { approval: true })
  await using at = await serveImages({ stages: [stage] })
  const nothing = await images(at, 'approve shop/production')
  assert.deepEqual([nothing.code, /there is nothing to approve/.test(nothing.stderr)], [1, true])
  await at.seen(stage, 'v1')
  assert.equal((await images(at, 'approve shop/production')).stdout, 'v1 is approved\n')
  assert.equal((await images(at, 'settings --poll-interval 1m')).stdout.split('\n')[1], 'poll_interval\t1m\t5m')
  assert.equal((await images(at, 'settings --poll-interval default')).stdout.split('\n')[1], 'poll_interval\t5m\t5m')
  assert.match((await images(at, 'pause shop/production --reason audit')).stdout, /until `regista images resume/)
  assert.match((await images(at, 'resume shop/production')).stdout, /is not paused any more/)
  assert.equal((await images(at, 'unpin shop/production')).stdout, 'shop/production is not pinned\n')
  const history = (await images(at, 'history shop/production --type stage.')).stdout.trimEnd().split('\n')
  assert.deepEqual(
    history.map((line) => line.split('\t')[2]),
    ['TYPE', 'stage.approved', 'stage.paused', 'stage.resumed'],
  )
  assert.equal((await images(at, 'hooks')).code, 0)
})

test('define and rm, from flags and from a file; what the config has is named with its place', async () => {
  await using at = await serveImages()
  const flags = 'define new/test --registry main --image team/new --pattern v* --deployer one'
  assert.equal((await images(at, `${flags} --dry-run`)).stdout, 'new/test could be defined so\n')
  assert.equal(at.book.stage('new/test'), null)
  assert.equal((await images(at, flags)).stdout, 'new/test is defined\n')
  assert.equal((await images(at, 'define new/test --approval')).code, 0)
  const changed = at.book.stage('new/test')!
  assert.deepEqual([changed.selection.tags, changed.approval?.count], [['v*'], 1])
  const file = join(at.folder, 'stage.yaml')
  writeFileSync(file, 'registry: main\nimage: team/new\ndeployer: one\n')
  await images(at, `define new/test --file ${file}`)
  assert.deepEqual(at.book.stage('new/test')!.selection.tags, [])
  const wrong = await images(at, 'define new/test --deployer nobody')
  assert.match(wrong.stderr, /deployer names no deployer; there are: docker, one/)
  const owned = await images(at, 'define shop/production --approval')
  assert.deepEqual([owned.code, /regista\.yaml:7:3/.test(owned.stderr)], [1, true])
  assert.equal((await images(at, 'rm new/test')).code, 0)
  assert.equal(at.book.stage('new/test'), null)
  assert.equal((await images(at, 'define new/test')).code, 1)
})

test('tags, and which of them a pattern takes', async () => {
  await using at = await serveImages({ tags: { 'v1.9.0': 'a', 'v1.10.0': 'b', 'v2.0.0-rc1': 'c', 'other': 'd' } })
  assert.deepEqual((await images(at, 'tags shop/production')).stdout.split('\n').length, 6)
  const few = await images(at, 'tags main team/shop -n 2')
  assert.match(few.stderr, /2 of 4 tags; -n shows more/)
  assert.match((await images(at, 'tags main')).stderr, /name the image, too/)
  const tested = await images(at, 'test-pattern shop/production --pattern v1.* --output json')
  const { tag, matching, total } = JSON.parse(tested.stdout) as { tag: string; matching: number; total: number }
  assert.deepEqual([tag, matching, total, tested.code], ['v1.10.0', 2, 4, 0])
  const none = await images(at, 'test-pattern --pattern x* --tag a b')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /0 of 2 tags match\nno-match: /)
})

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await condition());) {
    assert.ok(Date.now() < end, 'it did not come to that')
    await new Promise((done) => setTimeout(done, 10))
  }
}
