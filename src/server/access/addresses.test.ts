import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressGroup, createHostRule, hostName, isLoopback } from './addresses.ts'

test('loopback addresses', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', '', 'example.org', '127.0.0.1.example.org']) {
    assert.ok(!isLoopback(host), host)
  }
})

test('host names of headers', () => {
  assert.equal(hostName('Example.org:8080'), 'example.org')
  assert.equal(hostName('[::1]:80'), '::1')
  assert.equal(hostName('127.0.0.1'), '127.0.0.1')
  for (const header of ['', 'a b', 'a:b', 'user@localhost', 'localhost/', '[::1', 'localhost:99999999']) {
    assert.equal(hostName(header), null, header)
  }
})

test('a host rule remembers nothing that is not so', () => {
  const allowed = createHostRule(['Regista.Internal'])
  for (let twice = 0; twice < 2; twice += 1) {
    assert.ok(allowed('localhost:8080'))
    assert.ok(!allowed('evil.example'))
    assert.ok(!allowed(undefined))
    assert.ok(allowed('regista.internal'))
    assert.ok(allowed('192.0.2.1:80'))
  }
})

test('addresses in groups', () => {
  assert.equal(addressGroup('192.0.2.1'), '192.0.2.1')
  assert.equal(addressGroup('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(addressGroup('2001:db8::1'), '2001:db8:0:0::/64')
  assert.equal(addressGroup('2001:0db8:0000:0000:1:2:3:4'), addressGroup('2001:db8::9'))
  assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(addressGroup('::1'), '0:0:0:0::/64')
  assert.notEqual(addressGroup('2001:db8:1::1'), addressGroup('2001:db8:2::1'))
})
