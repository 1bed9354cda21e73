/** Tokens over HTTP: made, shown once, limited, ended; on two replicas of one journal. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../src/kernel/clock.ts'
import { tokens } from '../src/server/access/token.ts'
import { memoryJournal, serve, type Served } from '../src/server/testing/serve.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'

interface Made {
  id: string
  name: string
  token: string
  expiresAt: number | null
}

suite('tokens', () => {
  const journal = memoryJournal()
  let served: Served
  let replica: Served
  let admin: { readonly authorization: string }

  before(async () => {
    admin = bearer(await addToken(journal, { name: 'root' }))
    served = await serve({ journal, settings: { auth: 'tokens' } })
    replica = await serve({ journal, settings: { auth: 'tokens' } })
  })
  after(async () => {
    await replica[Symbol.asyncDispose]()
    await served[Symbol.asyncDispose]()
  })

  async function make(body: object): Promise<Made> {
    const reply = await served.send('POST', '/api/v1/tokens', body, admin)
    assert.equal(reply.status, 200, await reply.clone().text())
    return (await reply.json()) as Made
  }
  const status = async (at: Served, token: string) =>
    (await at.send('GET', '/api/v1/syncs', undefined, bearer(token))).status

  async function within(bound: number, met: () => Promise<boolean>): Promise<boolean> {
    const until = performance.now() + bound
    while (performance.now() < until) {
      if (await met()) return true
      await systemClock.sleep(20)
    }
    return false
  }

  test('the secret is in one answer, and nowhere else', async () => {
    const made = await make({ name: 'ci', role: 'operator', scopes: { kv: ['ci/'] } })
    const secret = made.token.slice(-43)
    assert.ok(Buffer.from(secret, 'base64url').length === 32)
    const listed = await (await served.send('GET', '/api/v1/tokens', undefined, admin)).text()
    const kept = JSON.stringify([await journal.select(tokens), await journal.events({})])
    const metrics = await served.metrics.text()
    for (const text of [listed, kept, metrics]) assert.ok(!text.includes(secret))
    assert.ok(!listed.includes('"hash"'))
    assert.ok(!JSON.stringify(await journal.events({})).includes('"hash"'))
    const [event] = await journal.events({ type: 'token.created', last: true, limit: 1 })
    assert.deepEqual([event!.key, event!.actor, (event!.data as { name: string }).name], [made.id, 'token:root', 'ci'])
    assert.equal((await served.send('PUT', '/api/v1/kv/ci/x', { value: 'v' }, bearer(made.token))).status, 200)
    assert.equal((await served.send('PUT', '/api/v1/kv/other', { value: 'v' }, bearer(made.token))).status, 403)
    assert.equal((await journal.events({ key: 'ci/x' }))[0]!.actor, 'token:ci')
  })

  test('rights over services are kept as they were given, and no other words', async () => {
    const made = await make({ name: 'edge', role: 'operator', scopes: { services: ['beat'] } })
    const listed = (await (await served.send('GET', '/api/v1/caller', undefined, bearer(made.token))).json()) as object
    assert.deepEqual(listed, { name: 'token:edge', role: 'operator', scopes: { services: ['beat'] }, subject: null })
    const wrong = { name: 'wrong', role: 'operator', scopes: { services: ['all'] } }
    assert.equal((await served.send('POST', '/api/v1/tokens', wrong, admin)).status, 400)
  })

  test('a token ends here at once and on another replica within a second', async () => {
    const made = await make({ name: 'short-lived', role: 'viewer' })
    assert.equal(await status(served, made.token), 200)
    assert.ok(await within(1000, async () => (await status(replica, made.token)) === 200), 'never known elsewhere')
    const path = `/api/v1/tokens/${made.id}`
    assert.equal((await served.send('DELETE', path, undefined, admin)).status, 200)
    assert.equal(await status(served, made.token), 401)
    assert.ok(await within(1000, async () => (await status(replica, made.token)) === 401), 'still let in elsewhere')
    const again = await served.send('DELETE', path, undefined, admin)
    assert.equal(again.status, 200)
    assert.equal((await journal.events({ type: 'token.revoked', key: made.id })).length, 1)
    assert.equal((await served.send('DELETE', '/api/v1/tokens/nobody', undefined, admin)).status, 404)
  })

  test('a length of time, a name that is free, a known role', async () => {
    const made = await make({ name: 'day', role: 'viewer', expiresIn: '24h' })
    assert.ok(Math.abs(made.expiresAt! - Date.now() - 86_400_000) < 60_000)
    const wrong = [
      [{ name: 'day', role: 'viewer' }, 409],
      [{ name: 'x', role: 'root' }, 400],
      [{ name: 'with space', role: 'viewer' }, 400],
      [{ name: 'x', role: 'viewer', expiresIn: 'soon' }, 400],
      [{ name: 'x', role: 'viewer', expiresIn: '-1h' }, 400],
      [{ name: 'x', role: 'viewer', scopes: { all: true } }, 400],
      [{ role: 'viewer' }, 400],
    ] as const
    for (const [body, code] of wrong) {
      const reply = await served.send('POST', '/api/v1/tokens', body, admin)
      assert.equal(reply.status, code, JSON.stringify(body))
    }
  })

  test('what is no token of ours is refused alike, and says how to do better', async () => {
    const made = await make({ name: 'near', role: 'viewer' })
    const last = made.token.endsWith('A') ? 'B' : 'A'
    const wrong = [
      'Bearer nonsense',
      `Bearer ${made.token.slice(0, -1)}${last}`,
      `Bearer ${made.token}x`,
      'Bearer regista_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      'Bearer ',
      `Basic ${Buffer.from(`x:${made.token}`).toString('base64')}`,
      made.token,
    ]
    for (const authorization of wrong) {
      const reply = await served.send('GET', '/api/v1/syncs', undefined, { authorization })
      assert.equal(reply.status, 401, authorization)
      assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="regista"')
      assert.ok(!(await reply.text()).includes(made.id))
    }
    assert.equal(
      (await served.send('GET', '/api/v1/syncs', undefined, { authorization: `bearer ${made.token}` })).status,
      200,
    )
  })

  test('guessing is slowed down', async () => {
    await using guessed = await serve({ settings: { auth: 'tokens', limits: { rate: 1, burst: 100 } } })
    const statuses: number[] = []
    for (let each = 0; each < 7; each += 1) {
      statuses.push((await guessed.send('GET', '/api/v1/syncs', undefined, bearer('guess'))).status)
    }
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
  })

  test('where tokens are not asked for, one that is sent still counts', async () => {
    const own = memoryJournal()
    const viewer = bearer(await addToken(own, { role: 'viewer' }))
    await using open = await serve({ journal: own })
    assert.equal((await open.send('POST', '/api/v1/syncs/one/pause')).status, 200)
    assert.equal((await open.send('POST', '/api/v1/syncs/one/pause', undefined, viewer)).status, 403)
    assert.equal((await open.send('GET', '/api/v1/syncs', undefined, bearer('wrong'))).status, 401)
  })
})
