/** The same faults on a real socket and in real time: what hangs, breaks off, and is cut off. */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createHttp } from '../http/client.ts'
import { createGitHub } from './client.ts'
import { createFakeGitHub, goodToken } from './testing/fake-github.ts'
import { files, never, registry } from './testing/ground.ts'

async function opened(context: TestContext, bound = 30_000) {
  const fake = createFakeGitHub({ clock: systemClock, files })
  const http = createHttp({ clock: systemClock, userAgent: 'regista/test' })
  const { url, close } = await fake.listen()
  context.after(async () => {
    await http.close()
    await close()
  })
  const parts = { repository: 'acme/claims', credentials: { token: goodToken }, api: url, http }
  const forge = createGitHub({ ...parts, clock: systemClock, random: () => 0, bound })
  const base = fake.repository.branches.get('main') ?? ''
  return { fake, forge, base }
}

suite('GitHub behind a socket', () => {
  test('a call that hangs ends, and the next one is asked', { timeout: 60_000 }, async (context) => {
    // Long enough for the second one, however busy the machine is.
    const { fake, forge, base } = await opened(context, 3000)
    fake.fail(/branches/, { is: 'hangs' })
    await assert.rejects(
      forge.head('main', never),
      (thrown) => thrown instanceof AppError && thrown.data['why'] === 'timed-out',
    )
    assert.equal(await forge.head('main', never), base)
  })

  test('a connection that breaks after the effect leaves one branch', { timeout: 60_000 }, async (context) => {
    const { fake, forge, base } = await opened(context)
    const draft = { parent: base, files: new Map([[registry, Buffer.from('a: 2\n')]]), message: 'change' }
    const id = await forge.commit(draft, never)
    fake.fail(/POST .*refs$/, { is: 'lost' })
    assert.equal(await forge.move('work', id, null, never), 'moved')
    assert.equal(fake.repository.branches.get('work'), id)
    assert.equal(fake.pending, 0)
  })

  test('a call ends when nobody waits for it any more', { timeout: 60_000 }, async (context) => {
    const { fake, forge } = await opened(context)
    fake.fail(/branches/, { is: 'hangs' })
    const gone = new AbortController()
    const call = forge.head('main', gone.signal)
    gone.abort()
    await assert.rejects(call, (thrown) => thrown instanceof AppError && thrown.code === 'aborted')
  })

  test('a place that is not there is told as such', { timeout: 60_000 }, async (context) => {
    const http = createHttp({ clock: systemClock, userAgent: 'regista/test' })
    context.after(() => http.close())
    // Port 1 of loopback: nobody listens there.
    const parts = { repository: 'acme/claims', credentials: { token: goodToken }, api: 'http://127.0.0.1:1', http }
    const forge = createGitHub({ ...parts, clock: systemClock, random: () => 0 })
    await assert.rejects(forge.head('main', never), (thrown) => {
      assert.ok(thrown instanceof AppError && thrown.code === 'target.unavailable')
      assert.match(thrown.detail, /127\.0\.0\.1:1 did not answer: read the head of main, acme\/claims .*ECONNREFUSED/)
      return true
    })
  })
})
