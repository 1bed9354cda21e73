/** What GitHub has of its own: validators, Apps, branches moved from where they stand, requests with trimmings. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import { createGitHub } from './client.ts'
import { createGround, never, registry } from './testing/ground.ts'
import { goodToken } from './testing/fake-github.ts'

const hour = 3_600_000
const draft = { from: 'work', into: 'main', title: 'title', body: 'body' }

suite('GitHub: what a pass costs', () => {
  test('one request when nothing changed, which costs nothing of the limit', async (context) => {
    const { fake, forge, since, main, run } = createGround(context)
    const pass = async () => {
      const head = await forge.head('main', never)
      await forge.read(head ?? '', registry, never)
    }
    assert.deepEqual(await since(pass), ['GET /branches/main', `GET /contents/${registry}?ref=${main()}`])
    assert.deepEqual(await since(pass), ['GET /branches/main'])
    assert.equal(fake.calls.at(-1)?.status, 304)
    fake.repository.push('main', { [registry]: 'b: 2\n' })
    assert.equal(await run(forge.head('main', never)), main())
  })

  test('eight requests when all changed, and one more to learn the name of the repository', async (context) => {
    const { fake, forge, branch, since, made } = createGround(context)
    const work = await branch('work')
    await since(() => forge.requests!.open(draft, never))
    // Before the first branch is moved.
    const again = await made('a: 0\n')
    await since(() => forge.move('work', again, work, never))
    const from = again
    fake.repository.push('main', { other: 'x' })
    const calls = await since(async () => {
      const head = (await forge.head('main', never)) ?? ''
      await forge.read(head, registry, never)
      assert.equal(await forge.head('work', never), from)
      const request = await forge.requests!.find('work', 'main', never)
      const files = new Map([[registry, Buffer.from('a: 7\n')]])
      const id = await forge.commit({ parent: head, files, message: 'change' }, never)
      await forge.move('work', id, from, never)
      await forge.requests!.update(request!.number, { title: 'title', body: 'other' }, never)
    })
    assert.equal(calls.length, 8, calls.join('\n'))
    assert.equal(fake.repository.text('work', registry), 'a: 7\n')
  })
})

suite('GitHub: files longer than the contents API tells', () => {
  test('are not sent again when only their commit is another one, or when they were made here', async (context) => {
    const { fake, forge, run, since, main, made } = createGround(context)
    const large = Buffer.from('name: claim\n'.repeat(100_000))
    fake.repository.push('main', { [registry]: large })
    const read = () => forge.read(main(), registry, never)
    const blobs = async () => (await since(read)).filter((line) => line.includes('/git/blobs/')).length
    assert.equal(await blobs(), 1)
    fake.repository.push('main', { other: 'x' })
    assert.equal(await blobs(), 0)
    const id = await made(`${large.toString()}more: 1\n`)
    fake.repository.set('main', id)
    assert.equal(await blobs(), 0)
    const found = await run(read())
    assert.ok(found.is === 'file' && found.bytes.toString().endsWith('more: 1\n'))
  })
})

suite('GitHub: branches', () => {
  test('a commit that somebody makes right before the branch is moved is not lost', async (context) => {
    const { fake, forge, branch, made, run } = createGround(context)
    const [from, to] = [await branch('work'), await made('a: 3\n')]
    fake.before(/POST \/graphql/, () => fake.repository.push('work', { by: 'hand' }))
    assert.equal(await run(forge.move('work', to, from, never)), 'elsewhere')
    fake.before(/POST \/graphql/, () => fake.repository.push('work', { by: 'hand again' }))
    assert.equal(await run(forge.remove('work', fake.repository.branches.get('work') ?? '', never)), 'elsewhere')
    assert.equal(fake.repository.text('work', 'by'), 'hand again')
  })

  for (const graphql of [true, false]) {
    test(`a branch that nobody may force is told as such, ${graphql ? 'with' : 'without'} GraphQL`, async (context) => {
      const { fake, forge, branch, made, failure } = createGround(context, { fake: { graphql } })
      const [from, to] = [await branch('work'), await made('a: 3\n')]
      fake.protect('work')
      for (const work of [() => forge.move('work', to, from, never), () => forge.remove('work', from, never)]) {
        const failed = await failure(work())
        assert.equal(failed.code, 'target.refused')
        assert.match(failed.detail, /work, acme\/claims: Cannot (force-push|delete)/)
      }
    })
  }

  test('a name that another one leaves no room for is told as such', async (context) => {
    const { forge, branch, made, failure } = createGround(context)
    await branch('machinery-status')
    const failed = await failure(forge.move('machinery-status/main', await made('a: 3\n'), null, never))
    assert.equal(failed.code, 'target.refused')
  })

  test('a repository that is not there is not a branch that is not there', async (context) => {
    const { forge, failure, fake } = createGround(context, { repository: 'acme/other' })
    assert.equal((await failure(forge.head('main', never))).data['why'], 'not-found')
    assert.equal((await failure(forge.read('1'.repeat(40), registry, never))).code, 'target.refused')
    assert.ok(fake.calls.every(({ status }) => status === 404))
  })

  test('a repository that was renamed is told as such, and nobody goes where it points', async (context) => {
    const { fake, forge, failure, branch } = createGround(context)
    await branch('work')
    const moved = { is: 'status', status: 301, headers: { location: 'https://elsewhere.example/x' } } as const
    fake.fail(/./, moved, 20)
    assert.match((await failure(forge.head('main', never))).detail, /renamed or moved/)
    assert.match((await failure(forge.requests!.open(draft, never))).detail, /renamed or moved/)
  })
})

suite('GitHub: files', () => {
  test('other bytes than it names are not taken', async (context) => {
    const { fake, forge, failure, main } = createGround(context)
    const { bytes } = fake.repository.commits.get(main())!.tree.get(registry) as { bytes: Buffer }
    fake.repository.push('main', { [registry]: { is: 'file', bytes, blob: 'f'.repeat(40) } })
    const failed = await failure(forge.read(main(), registry, never))
    assert.deepEqual([failed.code, failed.data['why']], ['target.unavailable', 'malformed'])
  })

  test('an answer that is no JSON, or not the one that was asked for, is told as such', async (context) => {
    const { fake, forge, failure } = createGround(context)
    fake.fail(/branches/, { is: 'status', status: 200 })
    const failed = await failure(forge.head('main', never))
    assert.equal(failed.data['why'], 'malformed')
    assert.doesNotMatch(failed.detail, /undefined/)
  })
})

suite('GitHub: pull requests', () => {
  test('gets labels, reviewers and its own merge', async (context) => {
    const { fake, forge, branch, run } = createGround(context)
    await branch('work')
    const told: string[] = []
    const trimmings = { labels: ['bot', 'status'], reviewers: ['alice', 'acme/platform'], draft: true, autoMerge: true }
    await run(forge.requests!.open({ ...draft, ...trimmings, told: (warning) => told.push(warning) }, never))
    const [request] = fake.repository.requests
    assert.deepEqual(request?.labels, ['bot', 'status'])
    assert.deepEqual(request?.reviewers, ['alice', 'team:platform'])
    assert.deepEqual([request?.draft, request?.autoMerge, told], [true, true, []])
  })

  test('stays where the trimmings cannot be had, and says so', async (context) => {
    const { fake, forge, branch, run } = createGround(context, { fake: { drafts: false, autoMerge: false } })
    await branch('work')
    fake.fail(/labels/, { is: 'status', status: 403, message: 'Resource not accessible by personal access token' })
    const told: string[] = []
    const trimmings = { labels: ['bot'], reviewers: ['stranger'], draft: true, autoMerge: true }
    const made = await run(forge.requests!.open({ ...draft, ...trimmings, told: (one) => told.push(one) }, never))
    assert.equal(made.state, 'open')
    assert.equal(told.length, 4, told.join('\n'))
    assert.match(told.join('\n'), /no draft.*label pull request 1.*collaborators.*Auto merge is not allowed/s)
  })

  test('a branch with nothing to merge is refused', async (context) => {
    const { fake, forge, failure, main } = createGround(context)
    fake.repository.set('work', main())
    assert.match((await failure(forge.requests!.open(draft, never))).detail, /No commits between main and work/)
  })

  test('one that somebody opens meanwhile is the one', async (context) => {
    const { fake, forge, branch, run } = createGround(context)
    await branch('work')
    fake.before(/POST .*\/pulls$/, () => fake.repository.open({ ...draft, draft: false }))
    assert.equal((await run(forge.requests!.open(draft, never))).number, 1)
    assert.equal(fake.repository.requests.length, 1)
  })

  test('finds the open one among closed ones', async (context) => {
    const { fake, forge, branch, run } = createGround(context)
    await branch('work')
    for (let at = 0; at < 3; at += 1) fake.repository.open({ ...draft, draft: false })
    for (const number of [1, 3]) fake.repository.closeRequest(number)
    assert.equal((await run(forge.requests!.find('work', 'main', never)))?.number, 2)
  })
})

suite('GitHub: credentials', () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = {
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    appKey: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
  const app = { id: 42, installation: '77', key: pem.key }

  test('an App gets a token of its installation, for this repository, and another one before that ends', async (context) => {
    const { clock, fake, forge, run, main, since } = createGround(context, {
      credentials: { app },
      fake: { appKey: pem.appKey },
    })
    const minted = () => fake.calls.filter(({ path }) => path.endsWith('/access_tokens'))
    assert.equal(await run(forge.head('main', never)), main())
    assert.deepEqual(JSON.parse(minted()[0]?.body ?? ''), { repositories: ['claims'] })
    await clock.advance(50 * 60_000)
    assert.deepEqual(await since(() => forge.head('main', never)), ['GET /branches/main'])
    assert.equal(fake.calls.at(-1)?.status, 304)
    await clock.advance(6 * 60_000)
    assert.equal(await run(forge.head('main', never)), main())
    assert.equal(minted().length, 2)
    // A validator of another token is worth nothing.
    assert.equal(fake.calls.at(-1)?.headers['if-none-match'], undefined)
    assert.equal(fake.calls.at(-1)?.status, 200)
    await clock.advance(3 * hour)
    assert.equal(await run(forge.head('main', never)), main())
  })

  test('a token that is taken back early is replaced, once', async (context) => {
    const { fake, forge, run, main, failure } = createGround(context, {
      credentials: { app },
      fake: { appKey: pem.appKey },
    })
    await run(forge.head('main', never))
    fake.fail(/branches/, { is: 'status', status: 401, message: 'Bad credentials' })
    assert.equal(await run(forge.head('main', never)), main())
    fake.fail(/branches/, { is: 'status', status: 401, message: 'Bad credentials' }, 2)
    assert.equal((await failure(forge.head('main', never))).data['why'], 'unauthorized')
  })

  test('an App that is not installed, or has another key, is told as such', async (context) => {
    const other = createGround(context, {
      credentials: { app: { ...app, installation: 78 } },
      fake: { appKey: pem.appKey },
    })
    assert.match((await other.failure(other.forge.head('main', never))).detail, /token for installation 78/)
    const keyless = createGround(context, { credentials: { app } })
    assert.equal((await keyless.failure(keyless.forge.head('main', never))).data['why'], 'unauthorized')
  })

  test('no secret is in what an error says', async (context) => {
    const { fake, forge, failure } = createGround(context)
    const said = `token ${goodToken} and ghs_42_abc.def.ghi and github_pat_11AAA_bbb are wrong`
    fake.fail(/branches/, { is: 'status', status: 401, message: said })
    const failed = await failure(forge.head('main', never))
    assert.match(failed.detail, /token .*hidden.* are wrong/)
    assert.doesNotMatch(JSON.stringify([failed.message, failed.detail, failed.data]), /good|abc|11AAA/)
  })

  test('what is no key, no repository, no address or unprotected is refused at once', () => {
    const parts = { http: null as never, clock: null as never, random: () => 0 }
    const base = { repository: 'acme/claims', credentials: { token: 'x' }, ...parts }
    for (const wrong of [
      { ...base, repository: 'claims' },
      { ...base, repository: '../claims' },
      { ...base, api: 'ftp://github.test' },
      { ...base, api: 'http://github.test/api/v3' },
      { ...base, credentials: { app: { ...app, key: 'SECRET' } } },
    ]) {
      assert.throws(
        () => createGitHub(wrong),
        (thrown) => thrown instanceof AppError && thrown.code === 'config.invalid' && !thrown.detail.includes('SECRET'),
      )
    }
    assert.equal(createGitHub(base).name, 'github.com/acme/claims')
    assert.equal(createGitHub({ ...base, api: 'https://ghe.test/api/v3/' }).name, 'ghe.test/acme/claims')
  })
})
