import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import type { ChangeRequests, Forge } from '../forge/forge.ts'
import { systemClock } from '../../kernel/clock.ts'
import { draft as commitOf, troubleOf } from '../git/testing/forged.ts'
import { never, processesWith } from '../git/testing/opened.ts'
import { connected } from './testing/connected.ts'

const wish = { from: 'bot/claims', into: 'main', title: 'chore: update', body: 'A table' }

/** A branch with a change. */
async function branched(forge: Forge, name: string = wish.from): Promise<ChangeRequests> {
  const base = (await forge.head('main', never))!
  const made = await forge.commit(commitOf(base, { 'claims/registry.yaml': name }), never)
  assert.equal(await forge.move(name, made, null, never), 'moved')
  return forge.requests!
}

describe('Gitea and Forgejo', { skip: skipWithout('git'), timeout: 120_000 }, () => {
  test('one request for what is known, and one for what is new; none is read twice', async () => {
    await using on = await connected()
    const requests = await branched(on.forge)
    const { number } = await requests.open(wish, never)
    assert.deepEqual(on.fake.requests, ['GET /api/v1/user', 'POST /pulls'])
    assert.equal((await requests.find(wish.from, 'main', never))?.state, 'open')
    assert.deepEqual(on.fake.requests.slice(2), [`GET /pulls/${number}`])
    const [fresh, asked] = [on.clientOf('fresh').requests!, on.fake.requests.length]
    assert.equal((await fresh.find(wish.from, 'main', never))?.number, number)
    assert.deepEqual(on.fake.requests.slice(asked), ['GET /pulls?state=all&base_branch=main&page=1&limit=10'])
  })

  test('among many requests ours is found: open before closed, the newest before older ones, none of a fork', async () => {
    for (const old of [false, true]) {
      await using on = await connected({ old, mostItems: 7 })
      const requests = await branched(on.forge)
      assert.equal(await requests.find(wish.from, 'main', never), null)
      on.fake.open(wish.from, 'main', true)
      on.fake.open(wish.from, 'other')
      assert.equal(await requests.find(wish.from, 'main', never), null)
      const first = on.fake.open(wish.from, 'main')
      const second = on.fake.open(wish.from, 'main')
      first.state = 'closed'
      for (let count = 0; count < 20; count++) on.fake.open(`other/${count}`, 'main', true)
      const fresh = () => on.clientOf('fresh').requests!.find(wish.from, 'main', never)
      assert.equal((await fresh())?.number, second.number)
      second.state = 'closed'
      assert.equal((await fresh())?.number, old ? undefined : second.number)
      first.state = 'open'
      assert.equal((await fresh())?.number, first.number)
      const asked = on.fake.requests.length
      assert.equal(await on.clientOf('fresh').requests!.find('never/was', 'main', never), null)
      assert.ok(on.fake.requests.length - asked <= 6, on.fake.requests.slice(asked).join('\n'))
    }
  })

  test('labels by name, also of the organization; reviewers, teams, drafts, merging by itself; what fails is told', async () => {
    await using on = await connected()
    on.fake.labels.push(...Array.from({ length: 60 }, (_, at) => ({ id: at + 1, name: `label ${at}` })))
    on.fake.labels.push({ id: 77, name: 'shared', org: true }, { id: 78, name: 'label 3', org: true })
    const requests = await branched(on.forge)
    const told: string[] = []
    const draft = {
      ...wish,
      draft: true,
      labels: ['label 3', 'label 58', 'shared', 'nowhere'],
      reviewers: ['nobody', 'acme/owners'],
      autoMerge: true,
      told: (warning: string) => void told.push(warning),
    }
    const opened = await requests.open(draft, never)
    const [pull] = on.fake.pulls
    assert.deepEqual([pull?.labels, pull?.auto, pull?.title], [[4, 59, 77], 'squash', 'WIP: chore: update'])
    assert.equal(opened.title, 'chore: update')
    assert.equal(told.length, 2)
    assert.match(told[0]!, /could not label .* no label nowhere/)
    assert.match(told[1]!, /could not ask for reviews .*404/)
    // It stays a draft, whoever changes it.
    for (const client of [requests, on.clientOf('fresh').requests!]) {
      await client.update(opened.number, { title: `by ${client === requests}`, body: '' }, never)
      assert.equal(pull?.title, `WIP: by ${client === requests}`)
    }
    pull!.title = 'ready'
    assert.equal((await requests.find(wish.from, 'main', never))?.title, 'ready')
    await requests.update(opened.number, { title: 'still ready', body: 'b' }, never)
    assert.equal(pull?.title, 'still ready')
  })

  test('a merge by itself waits until Gitea has looked for conflicts, and gives up on what never comes', async () => {
    await using on = await connected()
    const requests = await branched(on.forge)
    const told: string[] = []
    const draft = { ...wish, autoMerge: true, told: (warning: string) => void told.push(warning) }
    on.fake.fail('POST /pulls/7/merge', { is: 'status', status: 405 }, 3)
    await requests.open(draft, never)
    assert.deepEqual([told, on.fake.pulls[0]?.auto], [[], 'squash'])
    await requests.close(7, never)
    on.fake.fail('POST /pulls/8/merge', { is: 'status', status: 405 }, 9)
    assert.equal((await requests.open(draft, never)).state, 'open')
    assert.match(told.join(), /could not merge .*405/)
  })

  test('an answer that is lost is looked for before anything is done again', async () => {
    await using on = await connected()
    const requests = await branched(on.forge)
    on.fake.labels.push({ id: 1, name: 'bot' })
    on.fake.fail('POST /pulls', { is: 'lost' })
    const { number } = await requests.open({ ...wish, labels: ['bot'] }, never)
    assert.deepEqual(
      on.fake.pulls.map(({ labels }) => labels),
      [[1]],
    )
    on.fake.fail(`POST /issues/${number}/comments`, { is: 'lost' })
    await requests.comment(number, 'Stopped', never)
    await requests.comment(number, 'Stopped', never)
    assert.deepEqual(on.fake.pulls[0]?.comments, ['Stopped'])
    for (const fault of ['lost', 'status'] as const) {
      on.fake.fail(`PATCH /pulls/${number}`, fault === 'lost' ? { is: fault } : { is: fault, status: 502 }, 2)
      await requests.update(number, { title: fault, body: fault }, never)
      assert.equal(on.fake.pulls[0]?.title, fault)
    }
    await requests.close(number, never)
    on.fake.fail('POST /pulls', { is: 'status', status: 502 }, 2)
    assert.notEqual((await requests.open(wish, never)).number, number)
    assert.equal(on.fake.pulls.length, 2)
  })

  test('one that somebody else opened meanwhile is taken, and left as it is', async () => {
    await using on = await connected()
    const requests = await branched(on.forge)
    const { number } = on.fake.open(wish.from, 'main')
    assert.equal((await requests.open({ ...wish, labels: ['bot'] }, never)).number, number)
    assert.equal(
      on.fake.requests.some((line) => line.includes('/labels')),
      false,
    )
    on.fake.fail('POST /pulls', { is: 'status', status: 409 })
    on.fake.pulls[0]!.state = 'closed'
    assert.equal((await troubleOf(requests.open(wish, never))).why, 'conflict')
  })

  test('commits are in the name of whoever owns the token, unless it may not tell, or others are named', async () => {
    await using on = await connected()
    await branched(on.forge)
    await branched(on.forge, 'again')
    assert.equal(on.fake.requests.length, 1)
    on.fake.fail('GET /api/v1/user', { is: 'status', status: 403 })
    await branched(on.clientOf('silent'), 'silent')
    await branched(on.clientOf('named', { committer: { name: 'Named', email: 'n@x' } }), 'named')
    const of = (branch: string) => on.fake.origin.git('log', '-1', '--format=%an <%ae> %cn', branch)
    assert.equal(of(wish.from), 'Ä Bot <bot@noreply.gitea.invalid> Regista')
    assert.equal(of('silent'), 'Regista <regista@localhost> Regista')
    assert.equal(of('named'), 'Named <n@x> Named')
  })

  test('a request that is merged is left alone', async () => {
    await using on = await connected()
    const requests = await branched(on.forge)
    const { number } = await requests.open(wish, never)
    on.fake.merge(number)
    await requests.close(number, never)
    assert.deepEqual([on.fake.pulls[0]?.state, on.fake.pulls[0]?.merged], ['closed', true])
    assert.equal((await requests.find(wish.from, 'main', never))?.state, 'merged')
  })

  test('each fault has its class, its next step, and no secret', async () => {
    const token = 'geheim-und-lang'
    await using on = await connected({ token })
    const requests = await branched(on.forge)
    const find = () => requests.find(wish.from, 'main', never)
    const cases = [
      [{ is: 'status', status: 429, headers: { 'retry-after': '30' } }, 'target.unavailable', 'rate-limited', /429/],
      [{ is: 'status', status: 500 }, 'target.unavailable', 'server-error', /500/],
      [{ is: 'status', status: 403 }, 'target.refused', 'forbidden', /write:issue/],
      [{ is: 'status', status: 404 }, 'target.refused', 'not-found', /is the name right/],
      [{ is: 'status', status: 423 }, 'target.refused', 'forbidden', /archived/],
      [{ is: 'status', status: 301, headers: { location: '/x' } }, 'target.refused', 'not-found', /renamed or moved/],
      [{ is: 'text', text: '<html>' }, 'target.unavailable', 'malformed', /no JSON/],
      [{ is: 'text', text: '[{"number":"1"}]' }, 'target.unavailable', 'malformed', /something else/],
      [{ is: 'lost' }, 'target.unavailable', 'network', /did not answer/],
    ] as const
    for (const [fault, code, why, detail] of cases) {
      on.fake.fail('GET /pulls', fault, 3)
      const trouble = await troubleOf(find())
      assert.deepEqual([trouble.code, trouble.why], [code, why], trouble.detail)
      assert.match(trouble.detail, detail)
      while ((await find().catch(() => 'broken')) === 'broken');
    }
    const stranger = on.clientOf('stranger', { token: `${token}-x` })
    const trouble = await troubleOf(stranger.requests!.find(wish.from, 'main', never))
    assert.deepEqual([trouble.code, trouble.why], ['target.refused', 'unauthorized'])
    assert.ok(!trouble.detail.includes(token), trouble.detail)
    assert.deepEqual(processesWith(token), [])
  })

  test('what hangs ends at its bound, or when nobody waits any more', async () => {
    const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms === 12_345 ? 50 : ms, signal)
    await using on = await connected({ client: { bound: 12_345, clock: { ...systemClock, sleep } } })
    const requests = await branched(on.forge)
    on.fake.fail('GET /pulls', { is: 'hangs' }, 2)
    const { code, why } = await troubleOf(requests.find(wish.from, 'main', never))
    assert.deepEqual([code, why], ['target.unavailable', 'timed-out'])
    const controller = new AbortController()
    const patient = on.clientOf('patient', { bound: 60_000 }).requests!.find(wish.from, 'main', controller.signal)
    controller.abort()
    await assert.rejects(patient, { code: 'aborted' })
  })

  test('the token is in no file of the copy; what is no address or no repository is said so', async () => {
    const token = 'geheim-und-lang'
    await using on = await connected({ token })
    await branched(on.forge)
    const asked = { url: on.fake.url, token }
    for (const wrong of [{ url: 'gitea' }, { url: 'ftp://x' }, { url: 'http://a:b@x' }, { repository: 'a' }]) {
      assert.throws(() => on.clientOf('x', { ...asked, ...wrong }), { code: 'config.invalid' })
    }
    assert.equal(on.forge.name, `${on.fake.url.slice('http://'.length)}/acme/claims`)
    const folder = on.folderOf('copy')
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const bytes = readFileSync(`${entry.parentPath}/${entry.name}`)
      assert.ok(!bytes.includes(token) && !bytes.includes(Buffer.from(`oauth2:${token}`).toString('base64')))
    }
  })
})
