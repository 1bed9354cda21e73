/** The roster against a plain Map: what is found, who is below whom, and how many there are (invariant I6). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Stored } from '../../../engine/journal.ts'
import { parentType, registrationSources, serviceStatuses, serviceTypes, type ServiceType } from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import { createRoster, type RosterOptions } from './create.ts'
import { noSlot, type Roster } from './roster.ts'
import { serviceRow } from '../testing.ts'

const ids = ['a', 'b', 'ab', 'ba', 'é', '漢', 'a漢', '😀', 'x'.repeat(256), '漢'.repeat(256), 'a\u0100', 'a\u0000']
const type = fc.constantFrom(...serviceTypes)
const id = fc.constantFrom(...ids)
const status = fc.constantFrom(...serviceStatuses)
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('learn' as const),
      type,
      id,
      parent: fc.constantFrom('a', '漢'),
      status,
      source: fc.constantFrom(...registrationSources),
      kind: fc.constantFrom(null, 'snmp', 'sysmon'),
      behind: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('turn' as const), type, id, status, behind: fc.constantFrom(0, 0, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), type, id }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Rows = Map<string, Stored<ServiceRow>>

describe('roster', () => {
  const hashes: Record<string, RosterOptions> = {
    'its own hash': {},
    'one hash for all': { hash: () => -7 },
    'three hashes, at the end of the table': { hash: (_type, one) => (one.length % 3) - 2 },
  }
  for (const [name, options] of Object.entries(hashes)) {
    it(`I6, defect 11: is what a map of rows is, counts of children too, with ${name}`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
          const roster = createRoster({ ...options, room: 1 })
          const rows: Rows = new Map()
          for (const [n, one] of steps.entries()) {
            const before = roster.version()
            const changed = walk(roster, rows, one, n + 1)
            assert.equal(roster.version() > before, changed)
          }
          same(roster, rows)
        }),
        { numRuns: 200 },
      )
    })
  }

  it('finds each of many, also after half of them are gone and as many have come', () => {
    const roster = createRoster()
    const name = (n: number) => `edge-${n}.site-${n % 7}${n % 1000 === 0 ? '漢' : ''}`
    const many = 60_000
    for (let n = 0; n < many; n++) roster.learn(serviceRow({ id: name(n), seq: n + 1 }))
    for (let n = 0; n < many; n += 2) roster.forget(roster.find('poller', name(n)))
    for (let n = many; n < many * 1.5; n++) roster.learn(serviceRow({ id: name(n), seq: n + 1 }))
    for (let n = 0; n < many * 1.5; n++) {
      const slot = roster.find('poller', name(n))
      assert.equal(slot !== noSlot, n >= many || n % 2 === 1, name(n))
      if (slot !== noSlot) assert.equal(roster.idOf(slot), name(n))
    }
    assert.equal(roster.size, many)
    assert.equal(roster.count('poller', 'active'), many)
    assert.equal(roster.end, many * 1.5)
  })

  it('keeps times to the millisecond, and thresholds to the second above', () => {
    const roster = createRoster()
    const at = 1_763_000_000_123
    const slot = roster.learn(serviceRow({ registeredAt: at, statusAt: at + 1, firstSeen: at + 2, seq: 2 ** 50 }))
    const { registeredAt, statusAt, firstSeen, seq, interval, inactiveAfter } = roster.columns
    assert.deepEqual([registeredAt[slot], statusAt[slot], firstSeen[slot], seq[slot]], [at, at + 1, at + 2, 2 ** 50])
    assert.deepEqual([interval[slot], inactiveAfter[slot]], [0, 0])
    roster.learn(serviceRow({ interval: 1_500, inactiveAfter: 1, seq: 2 ** 50 + 1 }))
    assert.deepEqual([roster.columns.interval[slot], roster.columns.inactiveAfter[slot]], [1_500, 1])
  })
})

/** Whether anything changes. */
function walk(roster: Roster, rows: Rows, one: Step, now: number): boolean {
  const key = `${one.type}/${one.id}`
  const known = rows.get(key)
  const slot = roster.find(one.type, one.id)
  assert.equal(slot !== noSlot, known !== undefined)
  if (one.do === 'forget') {
    if (known !== undefined) roster.forget(slot)
    return rows.delete(key)
  }
  const seq = one.behind === 1 && known !== undefined ? known.seq - 1 : now
  if (one.do === 'learn') {
    const { status: to, source, kind } = one
    const parent = one.type === 'poller' ? '' : one.parent
    const row = serviceRow({ type: one.type, id: one.id, parent, status: to, source, kind, seq, registeredAt: now })
    const learned = roster.learn(row)
    if (known !== undefined) assert.equal(learned, slot)
    if (known !== undefined && known.seq >= seq) return false
    rows.set(key, row)
    return true
  }
  if (known === undefined) return false
  roster.turn(slot, one.status, now, null, seq)
  if (known.seq >= seq) return false
  rows.set(key, { ...known, status: one.status, statusAt: now, firstSeen: null, seq })
  return true
}

function same(roster: Roster, rows: Rows): void {
  assert.equal(roster.size, rows.size)
  for (const each of serviceTypes) {
    for (const one of ids) assert.equal(roster.find(each, one) !== noSlot, rows.has(`${each}/${one}`))
    for (const to of serviceStatuses) {
      const found = [...rows.values()].filter((row) => row.type === each && row.status === to)
      assert.equal(roster.count(each, to), found.length)
      for (const from of registrationSources) {
        assert.equal(roster.count(each, to, from), found.filter((row) => row.source === from).length)
      }
    }
  }
  for (const row of rows.values()) {
    const slot = roster.find(row.type, row.id)
    assert.equal(roster.idOf(slot), row.id)
    assert.ok(roster.isId(slot, row.id) && ids.every((one) => one === row.id || !roster.isId(slot, one)))
    const { columns } = roster
    assert.deepEqual(
      [roster.typeOf(slot), roster.statusOf(slot), roster.sourceOf(slot), roster.kindOf(slot), columns.seq[slot]],
      [row.type, row.status, row.source, row.kind, row.seq],
    )
    assert.equal(columns.firstSeen[slot], row.firstSeen ?? 0)
    const above = parentType(row.type)
    assert.equal(columns.parent[slot], above === null ? noSlot : roster.find(above, row.parent))
    const below = [...roster.childrenOf(slot)].map((child) => roster.idOf(child))
    assert.deepEqual(below.toSorted(), childrenOf(rows, row.type, row.id))
    assert.equal(columns.children[slot], below.length)
  }
}

function childrenOf(rows: Rows, parent: ServiceType, of: string): string[] {
  const below = [...rows.values()].filter((row) => parentType(row.type) === parent && row.parent === of)
  return below.map((row) => row.id).toSorted()
}
