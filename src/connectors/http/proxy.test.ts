import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyOf, proxyVariables } from './proxy.ts'

test('takes the proxy of the scheme, and none for this machine', () => {
  const proxy = { http: 'plain:3128', https: 'http://secure:3128' }
  assert.equal(proxyOf('http://registry.example.io', proxy), 'http://plain:3128')
  assert.equal(proxyOf('https://registry.example.io', proxy), 'http://secure:3128')
  assert.equal(proxyOf('https://registry.example.io', { http: 'plain:3128' }), null)
  for (const host of ['localhost:5000', 'kind.localhost', '127.0.0.1', '127.8.9.1:80', '[::1]:5000']) {
    assert.equal(proxyOf(`https://${host}`, proxy), null, host)
  }
})

test('reads NO_PROXY as Go does', () => {
  const direct: readonly [string, string][] = [
    ['*', 'https://example.io'],
    ['example.io', 'https://example.io'],
    ['example.io', 'https://registry.example.io'],
    ['.example.io', 'https://registry.example.io'],
    ['*.example.io', 'https://registry.example.io'],
    ['EXAMPLE.io', 'https://Example.IO'],
    ['example.io', 'https://example.io.:443'],
    ['a.io, example.io:443', 'https://example.io'],
    ['a.io example.io:5000', 'https://example.io:5000'],
    ['example.io:80', 'http://example.io'],
    ['10.0.0.0/8', 'https://10.1.2.3:5000'],
    ['10.1.2.3', 'https://10.1.2.3:5000'],
    ['2001:db8::/32', 'https://[2001:db8::1]'],
    ['2001:db8::1', 'https://[2001:db8::1]:5000'],
    ['[2001:db8::1]:5000', 'https://[2001:db8::1]:5000'],
  ]
  const proxied: readonly [string, string][] = [
    ['', 'https://example.io'],
    ['.example.io', 'https://example.io'],
    ['example.io', 'https://notexample.io'],
    ['example.io:5000', 'https://example.io'],
    ['10.0.0.0/8', 'https://11.1.2.3'],
    ['10.0.0.0/99', 'https://10.1.2.3'],
    ['10.0.0.0/8', 'https://ten.example.io'],
    ['2001:db8::/32', 'https://[2001:db9::1]'],
  ]
  const variables = { http: 'http://p', https: 'http://p' }
  for (const [no, origin] of direct) assert.equal(proxyOf(origin, { ...variables, no }), null, `${no} ${origin}`)
  for (const [no, origin] of proxied) assert.equal(proxyOf(origin, { ...variables, no }), 'http://p', `${no} ${origin}`)
})

test('finds the variables in both cases, the lower one first', () => {
  assert.deepEqual(proxyVariables({ HTTP_PROXY: 'a', https_proxy: 'b', HTTPS_PROXY: 'c', no_proxy: '' }), {
    http: 'a',
    https: 'b',
  })
  assert.deepEqual(proxyVariables({}), {})
})
