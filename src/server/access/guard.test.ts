import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import { markDoor, type Door } from '../arrival.ts'
import { createGuard, isKnown, type Guarded } from './guard.ts'

const viewer = { name: 'token:v', role: 'viewer', scopes: null, subject: null } as const
const tokens = { verify: () => ({ caller: viewer, id: 'v', valid: () => true }) }
const network: Door = { kind: 'network', tls: false }

/** A request from an address that tests on one machine cannot really come from. */
function from(address: string, headers: Record<string, string> = {}, door: Door | null = network): IncomingMessage {
  const socket = Object.create(new Socket(), { remoteAddress: { value: address } }) as Socket
  if (door !== null) markDoor(socket, door)
  return { socket, headers: { host: 'localhost', ...headers } } as unknown as IncomingMessage
}

function guard(changes: Partial<Parameters<typeof createGuard>[0]> = {}) {
  return createGuard({
    open: false,
    openMetrics: false,
    behindProxy: false,
    tokens,
    rate: { take: () => 0 },
    hostAllowed: (header) => header === 'localhost',
    ...changes,
  })
}

const read: Guarded = { method: 'GET', role: 'viewer' }
const observe: Guarded = { method: 'GET', role: 'viewer', observes: true }
const open: Guarded = { method: 'GET', role: 'public' }
const authorization = 'Bearer regista_x'

const refused = (code: string) => (thrown: unknown) => thrown instanceof AppError && thrown.code === code

test('credentials that crossed the network in clear are refused', () => {
  const admit = guard()(read)
  assert.throws(() => admit(from('203.0.113.5', { authorization }), {}), refused('request.insecure'))
  assert.equal(admit(from('127.0.0.1', { authorization }), {}).caller, viewer)
  assert.equal(admit(from('203.0.113.5', { authorization }, { kind: 'network', tls: true }), {}).caller, viewer)
  assert.equal(guard({ behindProxy: true })(read)(from('10.0.0.1', { authorization }), {}).caller, viewer)
})

test('a request through no door of ours is refused', () => {
  assert.throws(() => guard({ open: true })(read)(from('127.0.0.1', {}, null), {}), refused('internal'))
  assert.throws(() => guard({ open: true })(open)(from('', {}, null), {}), refused('internal'))
})

test('metrics without a token: from this machine, or where its own port says so', () => {
  const metrics: Door = { kind: 'metrics', tls: false }
  assert.doesNotThrow(() => guard()(observe)(from('127.0.0.1'), {}))
  assert.throws(() => guard()(observe)(from('203.0.113.5'), {}), refused('request.unauthenticated'))
  assert.throws(() => guard()(observe)(from('203.0.113.5', {}, metrics), {}), refused('request.unauthenticated'))
  assert.doesNotThrow(() => guard({ openMetrics: true })(observe)(from('203.0.113.5', {}, metrics), {}))
  assert.throws(
    () => guard({ openMetrics: true })(observe)(from('203.0.113.5'), {}),
    refused('request.unauthenticated'),
  )
  // Behind a proxy everybody seems to be on this machine.
  assert.throws(() => guard({ behindProxy: true })(observe)(from('127.0.0.1'), {}), refused('request.unauthenticated'))
  // A rebound name makes a page of another site look like this machine.
  assert.throws(
    () => guard()(observe)(from('127.0.0.1', { host: 'evil.example' }), {}),
    refused('request.unauthenticated'),
  )
})

test('public routes know a stranger from those who may know more', () => {
  assert.equal(isKnown(guard()(open)(from('203.0.113.5'), {}).caller), false)
  assert.equal(isKnown(guard({ open: true })(open)(from('127.0.0.1', { host: 'evil.example' }), {}).caller), false)
  assert.equal(isKnown(guard({ open: true })(open)(from('127.0.0.1'), {}).caller), true)
  const basic = { authorization: 'Basic of-another-system' }
  assert.equal(isKnown(guard()(open)(from('203.0.113.5', basic), {}).caller), false)
})

test('who was let in is counted again for each request on the same terms, and asked anew when they end', () => {
  const taken: [string, number | undefined][] = []
  let left = 2
  const rate = { take: (caller: string, cost?: number) => (taken.push([caller, cost]), left-- > 0 ? 0 : 1000) }
  let valid = true
  const ended = { verify: () => ({ caller: viewer, id: 'v', valid: () => valid }) }
  const admission = guard({ rate, tokens: ended })({ ...read, cost: 0.02 })(from('127.0.0.1', { authorization }), {})
  assert.equal(admission.again!(), true)
  assert.throws(() => admission.again!(), refused('request.too-many'))
  valid = false
  assert.equal(admission.again!(), false)
  assert.deepEqual(new Set(taken.map(String)), new Set(['v,0.02']))
  assert.equal(taken.length, 3)
})

test('callers without a name are counted by address, the proxy by the address it saw', () => {
  const counted: string[] = []
  const rate = { take: (caller: string) => (counted.push(caller), 0) }
  const admit = guard({ rate, open: true })(read)
  admit(from('203.0.113.5'), {})
  admit(from('2001:db8:1:2:3::4'), {})
  const proxied = guard({ rate, open: true, behindProxy: true })(read)
  proxied(from('127.0.0.1', { 'x-forwarded-for': 'invented, 198.51.100.7' }), {})
  guard({ rate })(read)(from('127.0.0.1', { authorization }), {})
  assert.deepEqual(counted, ['203.0.113.5', '2001:db8:1:2::/64', '198.51.100.7', 'v'])
})
