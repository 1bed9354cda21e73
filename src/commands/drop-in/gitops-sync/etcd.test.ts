import assert from 'node:assert/strict'
import { test } from 'node:test'
import { etcdSettings, type EtcdFlags } from './etcd.ts'

function settings(flags: Partial<EtcdFlags>, env: Record<string, string> = {}) {
  const none = { host: 'localhost', port: 2379, ca: null, cert: null, key: null, user: null }
  const read = etcdSettings({ ...none, ...flags }, env)
  assert.ok(typeof read !== 'string', JSON.stringify(read))
  return read
}

test('one host and one port, as the original has them', () => {
  assert.deepEqual(settings({ host: 'etcd1', port: 4001 }), {
    endpoints: ['http://etcd1:4001'],
    address: 'etcd1:4001',
    ca: null,
    cert: null,
    key: null,
    user: null,
  })
  assert.deepEqual(settings({ host: '::1' }).endpoints, ['http://[::1]:2379'])
  assert.equal(settings({ host: '::1' }).address, '::1:2379')
  assert.deepEqual(settings({ host: '[::1]:4001' }).endpoints, ['http://[::1]:4001'])
})

test('several hosts, ports of their own, schemes', () => {
  const { endpoints, address } = settings({ host: 'a, b:4001,https://c' })
  assert.deepEqual(endpoints, ['http://a:2379', 'http://b:4001', 'https://c:2379'])
  assert.equal(address, 'a:2379,b:4001,c:2379')
})

test('certificates make it TLS; the environment is named as that of etcdctl and comes after the flags', () => {
  assert.deepEqual(settings({ ca: 'ca.pem' }).endpoints, ['https://localhost:2379'])
  const env = { ETCDCTL_CACERT: 'a', ETCDCTL_CERT: 'b', ETCDCTL_KEY: 'c', ETCDCTL_USER: 'u:p:q' }
  const { endpoints, ca, cert, key, user } = settings({ ca: 'mine' }, env)
  assert.deepEqual([endpoints, ca, cert, key], [['https://localhost:2379'], 'mine', 'b', 'c'])
  assert.deepEqual(user, { username: 'u', password: 'p:q' })
  assert.deepEqual(settings({ user: 'root' }, { ETCDCTL_PASSWORD: 's' }).user, { username: 'root', password: 's' })
  assert.equal(settings({}, { ETCDCTL_CACERT: '', ETCDCTL_USER: '' }).user, null)
})
