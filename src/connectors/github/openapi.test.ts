/** Requests as GitHub describes them, and a fake that answers as GitHub describes it. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createGround, never, registry } from './testing/ground.ts'
import { createApiCheck } from './testing/openapi.ts'
import type { GitHubCall } from './testing/fake-github.ts'

const draft = { from: 'work/main', into: 'main', title: 'title', body: 'body' }

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const appKey = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()

test('what is asked and what the fake answers is as GitHub describes it', async (context) => {
  const check = createApiCheck()
  const problems: string[] = []
  for (const graphql of [true, false]) {
    const ground = createGround(context, {
      credentials: { app: { id: 42, installation: 77, key } },
      fake: { graphql, appKey },
    })
    const { fake, forge, run, main, branch, made } = ground
    const requests = forge.requests!
    const large = Buffer.from('name: claim\n'.repeat(200_000))
    const base = main()
    fake.repository.push('main', { large, other: 'x' })
    await run(forge.read(main(), registry, never))
    await run(forge.read(main(), 'large', never))
    await run(forge.read(main(), 'claims', never))
    await run(forge.read(main(), 'none', never))
    const files = new Map([
      ['binary', Buffer.from([0, 255])],
      ['other', null],
    ])
    await run(
      forge.commit({ parent: base, files: new Map([['a', Buffer.from('b')]]), message: 'upon an old one' }, never),
    )
    const author = { name: 'Author', email: 'author@example.org' }
    await run(forge.commit({ parent: main(), files, message: 'binary', author }, never))
    const at = await branch('work/main')
    await run(forge.move('work/main', at, null, never))
    const to = await made('a: 9\n')
    assert.equal(await run(forge.move('work/main', to, at, never)), 'moved')
    assert.equal(await run(forge.follows!(main(), base, never)), true)
    await run(forge.head('none', never))
    await run(forge.branches('work/', never))
    await run(requests.open({ ...draft, labels: ['bot'], reviewers: ['alice', 'acme/team'], draft: true }, never))
    await run(requests.find('work/main', 'main', never))
    await run(requests.update(1, { title: 'other', body: '' }, never))
    await run(requests.comment(1, 'hands off', never))
    await run(requests.comment(1, 'hands off', never))
    await run(requests.close(1, never))
    await run(requests.find('work/main', 'main', never))
    assert.equal(await run(forge.remove('work/main', to, never)), 'removed')
    await ground.failure(requests.open({ ...draft, from: 'none' }, never))
    const calls = fake.calls.filter(({ path }) => path !== '/graphql')
    assert.ok(calls.length > 30)
    problems.push(...calls.flatMap(check.problems))
  }
  assert.deepEqual(problems, [])
  assert.deepEqual(
    check.operations.filter((operation) => !check.seen.has(operation)),
    [],
  )
})

test('the check finds what is wrong', async (context) => {
  const check = createApiCheck()
  const { fake, forge, run } = createGround(context)
  await run(forge.head('main', never))
  const good = fake.calls[0]!
  assert.deepEqual(check.problems(good), [])
  const reply = JSON.stringify({ ...(JSON.parse(good.reply) as object), protected: 'no' })
  const wrong: [GitHubCall, RegExp][] = [
    [{ ...good, reply }, /answer\/protected must be boolean/],
    [{ ...good, path: `${good.path}?deep=1` }, /\?deep is not described/],
    [{ ...good, status: 418 }, /status 418/],
    [{ ...good, method: 'PUT' }, /PUT .* is not described/],
    [{ ...good, body: '{}' }, /has a body/],
    [
      { ...good, method: 'POST', path: '/repos/acme/claims/git/refs', body: '{"ref":1}' },
      /sha.*request\/ref must be string/s,
    ],
  ]
  for (const [call, expected] of wrong) assert.match(check.problems(call).join('\n'), expected)
})
