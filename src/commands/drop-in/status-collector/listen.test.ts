import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { addressText, listen, portOf } from './listen.ts'

test('ports are numbers or names of services', () => {
  const services = new Map([['http', 80]])
  assert.deepEqual([portOf('8095'), portOf('0'), portOf('HTTP', services)], [8095, 0, 80])
  assert.equal(portOf('https'), 443)
  assert.throws(() => portOf('abc', services), { message: 'listen tcp: lookup tcp/abc: unknown port' })
  assert.throws(() => portOf('99999'), { message: 'listen tcp: address 99999: invalid port' })
  assert.throws(() => portOf('-1'), { message: 'listen tcp: address -1: invalid port' })
})

test('a port that is taken', async () => {
  const [one, other] = [createServer(), createServer()]
  try {
    await listen(one, '127.0.0.1', 0)
    const { port } = one.address() as AddressInfo
    await assert.rejects(listen(other, '127.0.0.1', port), {
      message: `listen tcp 127.0.0.1:${port}: bind: address already in use`,
    })
  } finally {
    one.close()
  }
  assert.deepEqual([addressText(null, 8095), addressText('::1', 'http')], [':8095', '[::1]:http'])
})
