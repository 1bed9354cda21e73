import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { ask, follow, type Reply } from './transport.ts'

const signal = new AbortController().signal

function answering(status: number, chunks: readonly string[]) {
  const request = () =>
    Promise.resolve({ status, headers: {}, body: Readable.from(chunks.map((text) => Buffer.from(text))) })
  return { app: { request }, name: 'the test' } satisfies {
    app: { request(): Promise<Reply & { headers: object }> }
    name: string
  }
}

async function fails(status: number, text: string): Promise<AppError> {
  try {
    await ask(systemClock, answering(status, [text]), { method: 'GET', path: '/', signal, bound: 1000 })
  } catch (thrown) {
    assert.ok(thrown instanceof AppError)
    return thrown
  }
  throw new Error('it did not fail')
}

test('a problem document becomes the error that it names; anything else says that this is no Regista', async () => {
  const problem = await fails(404, JSON.stringify({ code: 'request.not-found', detail: 'There is no x.' }))
  assert.deepEqual([problem.code, problem.detail], ['request.not-found', 'There is no x.'])
  for (const text of [
    '<html>',
    '',
    'null',
    '[]',
    '{"code":"made.up","detail":"x"}',
    '{"code":"constructor","detail":"x"}',
  ]) {
    const error = await fails(502, text)
    assert.deepEqual(
      [error.code, error.detail],
      ['internal', 'the test answered 502, and not as Regista does; check the address'],
    )
  }
})

test('a health check may answer 503', async () => {
  const call = { method: 'GET', path: '/healthz', signal, bound: 1000, accepts: 503 }
  assert.deepEqual(await ask(systemClock, answering(503, ['{"status":"failing"}']), call), { status: 'failing' })
})

test('an answer that does not come in time fails', async () => {
  const never = { app: { request: () => new Promise<never>(() => {}) }, name: 'the test' }
  await assert.rejects(ask(systemClock, never, { method: 'GET', path: '/', signal, bound: 10 }), { code: 'timed-out' })
})

test('property: events of a stream arrive whole however it is cut', async () => {
  const text =
    ': hello\nretry: 2000\n\nid: 7\nevent: entry.changed\ndata: {"a":\ndata: 1}\n\n: still here\nid: 8\n\ndata: "z"\r\n\r\n'
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 8 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), text.length]
      const chunks = at.slice(1).map((end, i) => text.slice(at[i], end))
      const call = { method: 'GET', path: '/', signal, bound: 1000 }
      const events = await Array.fromAsync(follow(systemClock, answering(200, chunks), call))
      assert.deepEqual(events, [
        { type: 'entry.changed', id: '7', data: { a: 1 } },
        { type: 'message', id: '8', data: 'z' },
      ])
    }),
    { numRuns: 60 },
  )
})
