import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listen, probes } from './http.ts'

const here = { host: '127.0.0.1', port: 0 }

test('probes are well for any method, pages are read only, the rest is not there', async () => {
  const page = { answer: () => Promise.resolve({ type: 'application/json', text: '{}' }) }
  const broken = { answer: () => Promise.reject(new Error('the ledger is closed')) }
  const listening = await listen(here, { ...probes, '/status': page, '/broken': broken })
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://${listening.address}${path}`, { method })
    return [answer.status, await answer.text()]
  }
  try {
    for (const path of ['/readyz', '/healthz', '/readyz?verbose']) {
      for (const method of ['GET', 'POST', 'DELETE']) assert.deepEqual(await ask(path, method), [200, 'ok'])
      assert.deepEqual(await ask(path, 'HEAD'), [200, ''])
    }
    assert.deepEqual(await ask('/status'), [200, '{}'])
    assert.equal((await ask('/status', 'POST'))[0], 405)
    assert.deepEqual(await ask('/broken'), [500, 'the ledger is closed\n'])
    for (const path of ['/', '/metrics', '/readyz/', '/constructor']) {
      assert.deepEqual(await ask(path), [404, '404 page not found\n'])
    }
  } finally {
    await listening.close()
  }
  await assert.rejects(fetch(`http://${listening.address}/readyz`))
})

test('an address that is taken', async () => {
  const first = await listen(here, probes)
  try {
    const port = Number(first.address.split(':')[1])
    await assert.rejects(listen({ ...here, port }, probes), { code: 'EADDRINUSE' })
  } finally {
    await first.close()
  }
})
