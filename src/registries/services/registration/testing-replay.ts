/** Reads the events of a ledger as a story: each must follow from those before it, and the end must be the table. */
import assert from 'node:assert/strict'
import type { Event, Journal } from '../../../engine/journal.ts'
import type { Trigger } from '../lifecycle.ts'
import { verdictOn } from '../lifecycle.ts'
import { isKnownStatus, parentType, refOf, refText, serviceTypes, type ServiceStatus } from '../model.ts'
import type { Roster } from '../roster/roster.ts'
import { services } from '../tables.ts'

interface Life {
  status: ServiceStatus
  parent: string
  before: ServiceStatus | null
  seen: boolean
  seq: number
}

const triggers: Readonly<Record<string, Trigger>> = {
  activated: 'heartbeat',
  reactivated: 'heartbeat',
  deactivated: 'silence',
  restored: 'activate',
  revoked: 'revoke',
  deleted: 'delete',
  undeleted: 'undelete',
  archived: 'archive',
  purged: 'purge',
}

type Data = Record<string, unknown>

/** `key` of the parent in this story. */
function above(key: string, parent: string): string | null {
  const type = parentType(refOf(key)!.type)
  return type === null ? null : `${type}/${parent}`
}

function parentIn(key: string, data: Data): string {
  const { type } = refOf(key)!
  return type === 'poller' ? '' : (data[type === 'agent' ? 'poller_id' : 'agent_id'] as string)
}

function parentIsKnown(lives: ReadonlyMap<string, Life>, key: string, parent: string): void {
  const name = above(key, parent)
  if (name === null) return
  const status = lives.get(name)?.status
  assert.ok(status !== undefined && isKnownStatus(status), `${key}: its parent ${name} is ${status}`)
}

function transition(lives: Map<string, Life>, { seq, key, type, actor, data }: Event, what: string): void {
  const life = lives.get(key!)
  assert.ok(life !== undefined, `${type} of ${key}, which is not there`)
  const { from, to } = data as Data
  assert.equal(from, life.status, `${type} ${key} at ${seq}`)
  const verdict = verdictOn(life.status, triggers[what]!)
  if (verdict.is === 'transition') {
    const ends = { 'before': life.before, 'active-or-pending': life.seen ? 'active' : 'pending' } as const
    const end = verdict.to === 'before' || verdict.to === 'active-or-pending' ? ends[verdict.to] : verdict.to
    assert.deepEqual([what, to], [verdict.event, end])
  } else assert.ok(verdict.is === 'refused' && verdict.forcible, `${type} ${key}: ${JSON.stringify(verdict)}`)
  // I3
  if (from === 'revoked' || from === 'deleted') assert.notEqual(actor, 'system')
  if (what === 'purged') lives.delete(key!)
  else {
    life.before = what === 'deleted' ? life.status : null
    life.status = to as ServiceStatus
    life.seen ||= what === 'activated'
    life.seq = seq
  }
}

/** I1, I3, and the rules of parents. `orphans`: several processes write, which may purge a parent at the very moment. */
export function replay(events: readonly Event[], orphans = false): ReadonlyMap<string, Life> {
  const lives = new Map<string, Life>()
  for (const event of events) {
    const key = event.key!
    const what = event.type.slice('service.'.length)
    const data = event.data as Data
    if (what === 'registered') {
      assert.ok(!lives.has(key), `${key} registered twice`)
      const parent = parentIn(key, data)
      parentIsKnown(lives, key, parent)
      lives.set(key, { status: 'pending', parent, before: null, seen: false, seq: event.seq })
    } else if (what === 'moved') {
      const parent = parentIn(key, data)
      parentIsKnown(lives, key, parent)
      Object.assign(lives.get(key)!, { parent, seq: event.seq })
    } else if (what === 'claimed' || what === 'changed') lives.get(key)!.seq = event.seq
    else {
      transition(lives, event, what)
      if (what !== 'purged' || orphans) continue
      for (const [other, { parent }] of lives) assert.notEqual(above(other, parent), key, `${other} lost its parent`)
    }
  }
  return lives
}

/** I2, I5, I6, I7: the events, the table and what each process has in memory say the same. */
export async function agree(journal: Journal, rosters: readonly Roster[], orphans = false): Promise<void> {
  const lives = replay(await journal.events({ type: 'service.' }), orphans)
  const rows = await journal.select(services)
  assert.deepEqual(
    new Map(
      rows.map((row) => [
        refText(row),
        { status: row.status, parent: row.parent, before: row.before, seen: row.firstSeen !== null, seq: row.seq },
      ]),
    ),
    new Map([...lives].toSorted(([a], [b]) => order(a, b))),
  )
  for (const row of rows) {
    if (row.status === 'pending') assert.equal(row.firstSeen, null)
    if (row.status === 'active' || row.status === 'inactive')
      assert.ok(row.firstSeen !== null && row.firstSeen >= row.registeredAt)
    assert.equal(
      row.revokedAt !== null,
      row.status === 'revoked' || (row.status === 'deleted' && row.before === 'revoked'),
    )
  }
  for (const roster of rosters) {
    assert.equal(roster.size, rows.length)
    for (const row of rows) {
      const slot = roster.find(row.type, row.id)
      assert.notEqual(slot, -1, `${refText(row)} is not in memory`)
      const { seq, statusAt, firstSeen, registeredAt, parent, children, interval } = roster.columns
      assert.deepEqual(
        [
          roster.statusOf(slot),
          seq[slot],
          statusAt[slot],
          firstSeen[slot],
          registeredAt[slot],
          interval[slot],
          roster.sourceOf(slot),
        ],
        [row.status, row.seq, row.statusAt, row.firstSeen ?? 0, row.registeredAt, row.interval ?? 0, row.source],
        refText(row),
      )
      const up = parentType(row.type)
      assert.equal(parent[slot], up === null ? -1 : roster.find(up, row.parent))
      const count = rows.filter((one) => parentType(one.type) === row.type && one.parent === row.id).length
      assert.equal(children[slot], count)
    }
    for (const type of serviceTypes) {
      const active = rows.filter((row) => row.type === type && row.status === 'active').length
      assert.equal(roster.count(type, 'active'), active)
    }
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : 1
}
