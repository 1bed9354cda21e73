/** Invariant 8, and what heartbeats may never do, over random histories. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { refOf, serviceStatuses } from '../model.ts'
import { noSlot } from '../roster/roster.ts'
import type { Heartbeat } from './beats.ts'
import { beatOf, beatsOn, said, anyone, type BeatsUnderTest, type Given } from './testing/ground.ts'

const parents: Readonly<Record<string, string>> = {
  'poller/p': '',
  'poller/q': '',
  'agent/a': 'p',
  'agent/b': 'q',
  'checker/c': 'a',
  'checker/d': 'b',
}
const names = Object.keys(parents)

/** In which state each is before. */
const state = fc.constantFrom('absent', ...serviceStatuses)
const start = fc.record(Object.fromEntries(names.map((name) => [name, state])))
type Start = Readonly<Record<string, string>>

async function prepare(given: Given, states: Start): Promise<BeatsUnderTest> {
  const ground = beatsOn(given)
  for (const name of names) {
    const is = states[name]!
    const above = parents[name] === '' ? null : `${name.startsWith('agent') ? 'poller' : 'agent'}/${parents[name]}`
    if (is === 'absent' || (above !== null && ground.statusOf(above) === null)) continue
    await ground.register(name, parents[name])
  }
  // From below: whoever is revoked takes no more children.
  for (const name of names.toReversed()) {
    const is = states[name]!
    if (ground.statusOf(name) === null) continue
    if (is === 'active' || is === 'inactive') await ground.take([beatOf(name)])
    if (is === 'inactive') await ground.turn(name, 'deactivate')
    if (is === 'revoked') await ground.turn(name, 'revoke')
    if (is === 'deleted') await ground.turn(name, 'delete')
  }
  await ground.clock.advance(30_000)
  return ground
}

/** What heartbeats can have changed, without the order in which it came. */
async function endOf(ground: BeatsUnderTest): Promise<unknown> {
  const events = (await ground.events()).toSorted()
  const waiting = (await ground.quarantine.list({ limit: 100 })).map(({ type, id }) => `${type}/${id}`)
  const rows = names.map((name) => {
    const slot = ground.slotOf(name)
    return slot === noSlot ? [name] : [name, ground.statusOf(name), ground.liveness.lastSeen(slot)]
  })
  return { events, waiting, rows }
}

const given = fc.constantFrom<Given>(
  {},
  { implicit: { policy: 'quarantine' } },
  { implicit: { policy: 'deny' }, known: { list: ['q'] } },
)
const beat = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(true, false), fc.constantFrom('', 'p', 'q', 'a', 'b', 'own'))
  .map(([name, healthy, parent]) => beatOf(name, parent === 'own' ? parents[name]! : parent, { healthy }))
/** From long ago to far ahead. */
const anyTime = fc.integer({ min: 0, max: 2_000_000_000 })
const anyBeats = fc.array(beat, { maxLength: 12 })
const distinct = fc.uniqueArray(beat, { selector: ({ type, id }) => `${type}/${id}` })

test('I8: a batch comes to what its heartbeats come to one by one', async () => {
  await fc.assert(
    fc.asyncProperty(given, start, anyBeats, async (config, states, beats) => {
      const together = await prepare(config, states)
      const alone = await prepare(config, states)
      const answers = await together.take(beats)
      const singles: string[] = []
      for (const one of beats) singles.push(...(await alone.take([one])))
      assert.deepEqual(answers, singles)
      assert.deepEqual(await endOf(together), await endOf(alone))
    }),
    { numRuns: 150 },
  )
})

test('I8: the order is the same to those of whom none brings in the parent of another', async () => {
  const orders = distinct.chain((beats) =>
    fc.tuple(fc.constant(beats), fc.shuffledSubarray(beats, { minLength: beats.length })),
  )
  await fc.assert(
    fc.asyncProperty(start, orders, async (states, [beats, shuffled]) => {
      const known = Object.fromEntries(
        names.map((name) => [name, states[name] === 'absent' ? 'pending' : states[name]!]),
      )
      const first = await prepare({}, known)
      const second = await prepare({}, known)
      const byRef = async (ground: BeatsUnderTest, some: readonly Heartbeat[]) => {
        const answers = await ground.take(some)
        return Object.fromEntries(some.map(({ type, id }, at) => [`${type}/${id}`, answers[at]]))
      }
      assert.deepEqual(await byRef(first, beats), await byRef(second, shuffled))
      assert.deepEqual(await endOf(first), await endOf(second))
    }),
    { numRuns: 60 },
  )
})

test('invariants 3, 4, 5 and 7 hold after whatever heartbeats, also at the same time', async () => {
  await fc.assert(
    fc.asyncProperty(given, start, fc.array(anyBeats, { maxLength: 4 }), anyTime, async (config, states, calls, at) => {
      const ground = await prepare(config, states)
      const before = new Map(names.map((name) => [name, ground.statusOf(name)]))
      await Promise.all(calls.map((beats) => ground.take(beats.map((one) => ({ ...one, at })))))
      for (const name of names) {
        const was = before.get(name)
        const is = ground.statusOf(name)
        const row = await ground.row(name)
        assert.equal(row?.status ?? null, is)
        if (was === 'revoked' || was === 'deleted') assert.equal(is, was)
        if (row === null || is === null) continue
        if (is === 'active') assert.notEqual(row.firstSeen, null)
        if (row.firstSeen === null) assert.ok(['pending', 'revoked', 'deleted'].includes(is))
        const seen = ground.liveness.lastSeen(ground.slotOf(name))
        if (row.firstSeen !== null) assert.ok(row.registeredAt <= row.firstSeen && row.firstSeen <= seen)
        assert.ok(seen <= ground.clock.now() + ground.config.skew)
        const { type, id } = refOf(name)!
        if (type !== 'poller') continue
        const known = is === 'pending' || is === 'active' || is === 'inactive'
        assert.equal(ground.known.isKnown(id), known)
        const single = said((await ground.beats.take([beatOf(name)], anyone))[0]!)
        assert.equal(single === 'service-revoked' || single === 'service-deleted', !known)
      }
    }),
    { numRuns: 100 },
  )
})
