import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHeartbeat } from './decode.ts'

const plain = { kind: null, from: '', interval: 0, at: 0, healthy: null, boot: '', sequence: -1 }

test('each type is named by its own id, or by service_id, and hangs below the one above it', () => {
  const rows: readonly (readonly [object, object])[] = [
    [
      { service_type: 'poller', poller_id: 'p' },
      { type: 'poller', id: 'p', parent: '' },
    ],
    [
      { service_type: 'poller', service_id: 'p', agent_id: '' },
      { type: 'poller', id: 'p', parent: '' },
    ],
    [
      { service_type: 'agent', agent_id: 'a', poller_id: 'p' },
      { type: 'agent', id: 'a', parent: 'p' },
    ],
    [
      { service_type: 'agent', service_id: 'a', agent_id: 'a' },
      { type: 'agent', id: 'a', parent: '' },
    ],
    [
      { service_type: 'checker', checker_id: 'snmp@a', agent_id: 'a', poller_id: 'p' },
      { type: 'checker', id: 'snmp@a', parent: 'a' },
    ],
    [
      { service_type: 'checker', service_id: 'c', checker_id: null },
      { type: 'checker', id: 'c', parent: '' },
    ],
  ]
  for (const [given, named] of rows) assert.deepEqual(decodeHeartbeat(given), { ...plain, ...named })
})

test('all that a heartbeat says is read, and what has no name here is left alone', () => {
  const given = {
    service_type: 'checker',
    checker_id: 'c',
    agent_id: 'a',
    timestamp: '2026-11-21T05:00:36.250Z',
    source_ip: '10.0.0.1',
    healthy: false,
    boot_id: 'b-1',
    sequence: 7,
    interval: '1m30s',
    checker_kind: 'snmp',
    metadata: { site: 'x' },
    colour: ['green'],
  }
  assert.deepEqual(decodeHeartbeat(given), {
    type: 'checker',
    id: 'c',
    parent: 'a',
    kind: 'snmp',
    from: '10.0.0.1',
    interval: 90_000,
    at: Date.UTC(2026, 10, 21, 5, 0, 36, 250),
    healthy: false,
    boot: 'b-1',
    sequence: 7,
  })
})

test('the zero time of Go, null and nothing at all say no time', () => {
  for (const timestamp of ['0001-01-01T00:00:00Z', '', null, undefined]) {
    assert.deepEqual(decodeHeartbeat({ service_type: 'poller', poller_id: 'p', timestamp }), {
      ...plain,
      type: 'poller',
      id: 'p',
      parent: '',
    })
  }
})

test('a fault is one sentence that names the field', () => {
  const long = 'x'.repeat(257)
  const faults: readonly (readonly [unknown, RegExp])[] = [
    [null, /JSON object/],
    [[], /JSON object/],
    ['poller', /JSON object/],
    [{}, /^service_type is missing/],
    [{ service_type: 'Poller', poller_id: 'p' }, /^service_type must be one of poller, agent, checker\.$/],
    [{ service_type: 'poller' }, /^poller_id is missing/],
    [{ service_type: 'checker', agent_id: 'a' }, /^checker_id is missing/],
    [{ service_type: 'poller', poller_id: 7 }, /^poller_id must be text/],
    [{ service_type: 'poller', poller_id: long }, /^poller_id must be text of at most 256/],
    [{ service_type: 'agent', agent_id: 'a', poller_id: {} }, /^poller_id must be text/],
    [{ service_type: 'agent', agent_id: 'a', service_id: 'b' }, /^service_id and agent_id name different/],
    [{ service_type: 'poller', poller_id: 'p', service_id: true }, /^service_id must be text/],
    [{ service_type: 'poller', poller_id: 'p', healthy: 'true' }, /^healthy must/],
    [{ service_type: 'poller', poller_id: 'p', sequence: 1.5 }, /^sequence must/],
    [{ service_type: 'poller', poller_id: 'p', sequence: '1' }, /^sequence must/],
    [{ service_type: 'poller', poller_id: 'p', sequence: -2 }, /^sequence must/],
    [{ service_type: 'poller', poller_id: 'p', timestamp: 1_700_000_000 }, /^timestamp must/],
    [{ service_type: 'poller', poller_id: 'p', timestamp: 'yesterday' }, /^timestamp must/],
    [{ service_type: 'poller', poller_id: 'p', boot_id: 3 }, /^boot_id must/],
    [{ service_type: 'poller', poller_id: 'p', source_ip: [] }, /^source_ip must/],
    [{ service_type: 'poller', poller_id: 'p', source_ip: '\ud800' }, /^source_ip must/],
    [{ service_type: 'poller', poller_id: 'p', boot_id: 'a\0' }, /^boot_id must/],
    [{ service_type: 'poller', poller_id: 'p', interval: 30 }, /^interval must/],
    [{ service_type: 'poller', poller_id: 'p', interval: '31d' }, /^interval must/],
    [{ service_type: 'checker', checker_id: 'c', checker_kind: {} }, /^checker_kind must/],
  ]
  for (const [given, fault] of faults) {
    const said = decodeHeartbeat(given)
    assert.ok(typeof said === 'string', JSON.stringify(given))
    assert.match(said, fault)
    assert.match(said, /^[^\n]+\.$/)
  }
})

test('whatever the JSON is, it is a heartbeat or a sentence', () => {
  const names = ['service_type', 'poller_id', 'agent_id', 'service_id', 'timestamp', 'sequence', 'healthy', 'interval']
  const some = fc.oneof(fc.constantFrom('poller', 'agent', 'checker', 'a'), fc.jsonValue())
  const wires = fc.dictionary(fc.constantFrom(...names), some)
  fc.assert(
    fc.property(fc.oneof(wires, fc.jsonValue()), (given) => {
      const said = decodeHeartbeat(given)
      if (typeof said === 'string') return
      assert.ok(said.id.length > 0)
      assert.ok(Number.isFinite(said.at) && said.at >= 0 && Number.isFinite(said.interval))
    }),
  )
})
