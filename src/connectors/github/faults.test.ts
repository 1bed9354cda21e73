/** Answers that are lost, and what GitHub does when it is asked too much. */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { createGround, never, registry, type Ground } from './testing/ground.ts'
import type { GitHubFault } from './testing/fake-github.ts'

const lostWays: readonly GitHubFault[] = [{ is: 'lost' }, { is: 'lost-502' }, { is: 'lost-hangs' }]
const undoneWays: readonly GitHubFault[] = [{ is: 'broken' }, { is: 'status', status: 503 }]

interface Write {
  readonly name: string
  readonly match: RegExp
  /** Makes what the write needs, and answers it. */
  prepare(ground: Ground): Promise<() => Promise<unknown>>
  /** The effect, once. */
  check(ground: Ground): void
}

const draft = { from: 'work', into: 'main', title: 'title', body: 'body' }

const writes: readonly Write[] = [
  {
    name: 'a branch is made',
    match: /POST .*\/git\/refs$/,
    async prepare({ forge, made }) {
      const id = await made('a: 2\n')
      return async () => assert.equal(await forge.move('work', id, null, never), 'moved')
    },
    check: ({ fake }) => assert.equal(fake.repository.text('work', registry), 'a: 2\n'),
  },
  {
    name: 'a branch is moved',
    match: /POST \/graphql|PATCH .*\/git\/refs/,
    async prepare({ forge, made, branch }) {
      const [from, to] = [await branch('work'), await made('a: 3\n')]
      return async () => assert.equal(await forge.move('work', to, from, never), 'moved')
    },
    check: ({ fake }) => assert.equal(fake.repository.text('work', registry), 'a: 3\n'),
  },
  {
    name: 'a branch is removed',
    match: /POST \/graphql|DELETE .*\/git\/refs/,
    async prepare({ forge, branch }) {
      const at = await branch('work')
      return async () => assert.equal(await forge.remove('work', at, never), 'removed')
    },
    check: ({ fake }) => assert.equal(fake.repository.branches.has('work'), false),
  },
  {
    name: 'a request is opened',
    match: /POST .*\/pulls$/,
    async prepare({ forge, branch }) {
      await branch('work')
      return async () => assert.equal((await forge.requests?.open(draft, never))?.number, 1)
    },
    check: ({ fake }) =>
      assert.deepEqual(
        fake.repository.requests.map(({ state }) => state),
        ['open'],
      ),
  },
  {
    name: 'a request is commented on',
    match: /POST .*\/comments$/,
    async prepare({ forge, branch, run }) {
      await branch('work')
      await run(forge.requests!.open(draft, never))
      return () => forge.requests!.comment(1, 'hands off', never)
    },
    check: ({ fake }) => assert.deepEqual(fake.repository.requests[0]?.comments, ['hands off']),
  },
]

/** Lost for good the caller hears of it, and comes again: then it may be done, and not twice. */
async function until(ground: Ground, work: () => Promise<unknown>): Promise<void> {
  for (let tried = 0; tried < 3; tried += 1) {
    const done = await ground.run(
      work().then(
        () => true,
        (thrown: { code?: unknown }) => {
          if (thrown.code !== 'target.unavailable') throw thrown
          return false
        },
      ),
    )
    if (done) return
  }
  assert.fail('never done')
}

for (const graphql of [true, false]) {
  suite(
    `GitHub ${graphql ? 'with' : 'without'} GraphQL: every write is done once, whatever becomes of its answer`,
    () => {
      for (const { name, match, prepare, check } of writes) {
        for (const fault of [...lostWays, ...undoneWays]) {
          for (const times of [1, 2]) {
            test(`${name}: ${fault.is} ${times} times`, async (context) => {
              const ground = createGround(context, { fake: { graphql } })
              const work = await prepare(ground)
              ground.fake.fail(match, fault, times)
              await until(ground, work)
              check(ground)
              assert.ok(ground.fake.pending < times, 'the fault was met')
            })
          }
        }
      }
    },
  )
}

test('GitHub: a comment is made once, also when nobody can see for a while whether it was', async (context) => {
  const ground = createGround(context)
  await ground.branch('work')
  await ground.run(ground.forge.requests!.open(draft, never))
  ground.fake.fail(/POST .*\/comments$/, { is: 'lost' })
  // The first look, before the comment is made, succeeds.
  ground.fake.before(/POST .*\/comments$/, () => ground.fake.fail(/GET .*\/comments/, { is: 'status', status: 503 }, 3))
  const comment = () => ground.forge.requests!.comment(1, 'hands off', never)
  assert.equal((await ground.failure(comment())).code, 'target.unavailable')
  await ground.run(comment())
  assert.deepEqual(ground.fake.repository.requests[0]?.comments, ['hands off'])
  assert.equal(ground.fake.pending, 0)
})

suite('GitHub: limits', () => {
  const head = ({ forge }: Ground) => forge.head('main', never)

  test('waits for a short pause, and asks again', async (context) => {
    const ground = createGround(context)
    const headers = { 'retry-after': '5' }
    ground.fake.fail(/branches/, {
      is: 'status',
      status: 403,
      message: 'You have exceeded a secondary rate limit',
      headers,
    })
    const from = ground.clock.now()
    assert.equal(await ground.run(head(ground)), ground.main())
    assert.equal(ground.clock.now() - from, 5000)
  })

  test('asks nobody while a long pause lasts, and says how long', async (context) => {
    const ground = createGround(context)
    const headers = { 'retry-after': '120' }
    ground.fake.fail(/branches/, { is: 'status', status: 429, headers })
    const failed = await ground.failure(head(ground))
    assert.deepEqual(
      [failed.code, failed.data['why'], failed.data['retryAfter']],
      ['target.unavailable', 'rate-limited', 120_000],
    )
    const asked = ground.fake.calls.length
    await ground.clock.advance(60_000)
    assert.equal((await ground.failure(head(ground))).data['retryAfter'], 60_000)
    assert.equal(ground.fake.calls.length, asked)
    await ground.clock.advance(60_000)
    assert.equal(await ground.run(head(ground)), ground.main())
  })

  test('leaves it alone for a minute, then two, where it says nothing', async (context) => {
    const ground = createGround(context)
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
    ground.fake.fail(/branches/, { is: 'status', status: 403, message }, 2)
    const waits: unknown[] = []
    for (let tried = 0; tried < 2; tried += 1) {
      const failed = await ground.failure(head(ground))
      waits.push(failed.data['retryAfter'])
      await ground.clock.advance(Number(failed.data['retryAfter']))
    }
    assert.deepEqual(waits, [60_000, 120_000])
    assert.equal(await ground.run(head(ground)), ground.main())
    ground.fake.fail(/README/, { is: 'status', status: 403, message })
    const again = await ground.failure(ground.forge.read(ground.main(), 'README.md', never))
    assert.equal(again.data['retryAfter'], 60_000, 'an answer that was none ends the row')
  })

  test('waits until the hour is over when nothing of it remains, by the clock of the other side', async (context) => {
    const ground = createGround(context)
    const theirs = ground.clock.now() + 3_600_000
    const headers = {
      'date': new Date(theirs).toUTCString(),
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(theirs / 1000 + 900),
    }
    ground.fake.fail(/branches/, { is: 'status', status: 403, message: 'API rate limit exceeded', headers })
    assert.equal((await ground.failure(head(ground))).data['retryAfter'], 900_000)
  })

  test('a right that is missing is no limit', async (context) => {
    const ground = createGround(context)
    ground.fake.fail(/branches/, { is: 'status', status: 403, message: 'Resource not accessible by integration' })
    const failed = await ground.failure(head(ground))
    assert.deepEqual([failed.code, failed.data['why']], ['target.refused', 'forbidden'])
    assert.match(failed.detail, /Resource not accessible by integration.*contents and pull requests/)
  })

  test('a write that a limit turned away is done once', async (context) => {
    const ground = createGround(context)
    await ground.branch('work')
    ground.fake.fail(/POST .*\/pulls$/, { is: 'status', status: 403, headers: { 'retry-after': '2' } })
    await ground.run(ground.forge.requests!.open(draft, never))
    assert.equal(ground.fake.repository.requests.length, 1)
  })
})

suite('GitHub: order and bounds', () => {
  const isWrite = ({ method }: { method: string }) => method !== 'GET'

  test('asks one thing after the other, and writes no two within a second', async (context) => {
    const { fake, forge, run, made, main } = createGround(context)
    const ids = await Promise.all(['a: 2\n', 'a: 3\n'].map(made))
    await run(Promise.all(ids.map((id, at) => forge.move(`work-${at}`, id, null, never))))
    await run(forge.requests!.open({ ...draft, from: 'work-0', labels: ['bot'], reviewers: ['alice'] }, never))
    assert.equal(await run(forge.head('main', never)), main())
    const times = fake.calls.filter(isWrite).map(({ at }) => at)
    assert.ok(times.length >= 9)
    for (const [at, time] of times.entries()) {
      if (at > 0) assert.ok(time - times[at - 1]! >= 1000, `${time - times[at - 1]!} ms`)
    }
  })

  test('waits for no answer longer than its bound', async (context) => {
    const ground = createGround(context, { bound: 10_000 })
    ground.fake.fail(/branches/, { is: 'hangs' })
    const from = ground.clock.now()
    const failed = await ground.failure(ground.forge.head('main', never))
    assert.deepEqual([failed.code, failed.data['why']], ['target.unavailable', 'timed-out'])
    assert.equal(ground.clock.now() - from, 10_000)
    assert.equal(await ground.run(ground.forge.head('main', never)), ground.main(), 'and the next one is asked')
  })

  test('who leaves while it waits for its turn holds nobody up', async (context: TestContext) => {
    const ground = createGround(context)
    const gone = new AbortController()
    ground.fake.fail(/branches\/slow/, { is: 'hangs' })
    const slow = ground.failure(ground.forge.head('slow', gone.signal))
    const waiting = ground.failure(ground.forge.head('main', gone.signal))
    gone.abort()
    assert.deepEqual([(await slow).code, (await waiting).code], ['aborted', 'aborted'])
    assert.equal(await ground.run(ground.forge.head('main', never)), ground.main())
  })
})
