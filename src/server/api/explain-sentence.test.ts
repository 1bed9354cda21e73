import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliveryRow, entryRow, holdRow, targetRow } from '../testing/ledger.ts'
import { reasonText, sentenceOf, type Standing } from './explain-sentence.ts'
import { deliveryStates } from './rows.ts'

const now = Date.UTC(2026, 10, 21, 12)
const soon = now + 60_000

function say(changes: Partial<Standing>): string {
  return sentenceOf({
    key: 'k',
    syncState: 'active',
    target: targetRow({ cursor: 10 }),
    entry: { ...entryRow(), seq: 5 },
    delivery: deliveryRow(),
    hold: null,
    now,
    ...changes,
  })
}

const live = (label: string, seq = 5) => ({ ...entryRow({ label }), seq })
const gone = { ...entryRow({ state: 'gone' }), seq: 5 }

const cases: readonly (readonly [Partial<Standing>, string])[] = [
  [{}, 't holds v1, as the source wants it.'],
  [
    { entry: live('v2', 11) },
    't holds v1; the source was seen to change since, to v2. The next pass compares the two.',
  ],
  [
    { entry: { ...live('v1'), missedAt: 1 } },
    't holds v1; the last look at the source did not see k. Another look decides whether it is gone.',
  ],
  [{ entry: gone }, 't holds v1, which its source no longer has. It is removed.'],
  [
    { entry: gone, delivery: deliveryRow({ op: 'delete', digest: null }) },
    't does not hold k; its removal was acknowledged.',
  ],
  [{ delivery: null }, 't was not given k yet. The next pass gives it v1.'],
  [{ delivery: null, entry: null }, 'No source names k, and t was never given it.'],
  [{ delivery: null, entry: gone }, 'k is gone from its source, and t was never given it.'],
  [
    { delivery: deliveryRow({ state: 'pending', due: soon, reason: 'circuit-open' }) },
    'Giving k to t is due: the target failed repeatedly and is left alone for a while. It is sent at 2026-11-21T12:01:00.000Z.',
  ],
  [
    { delivery: deliveryRow({ state: 'failed', attempts: 1, detail: 'refused', due: soon }) },
    'Giving k to t failed once: refused. It is tried again at 2026-11-21T12:01:00.000Z.',
  ],
  [
    { delivery: deliveryRow({ state: 'rejected', detail: 'too large', until: 'item' }) },
    't refused giving k to t: too large. It is not tried again until v1 changes.',
  ],
  [
    { delivery: deliveryRow({ state: 'rejected', until: 'target' }) },
    't refused giving k to t. It is not tried again until t itself changes.',
  ],
  [
    { delivery: deliveryRow({ state: 'held', op: 'delete', reason: 'removal-budget' }), hold: holdRow() },
    'Removing k from t is held: more removals at once than the removal budget allows. It goes once somebody runs: regista release h1.',
  ],
  [
    { delivery: deliveryRow({ state: 'held', reason: 'window' }), hold: holdRow({ until: soon }) },
    'Giving k to t is held: outside the maintenance window. It goes at 2026-11-21T12:01:00.000Z, or once somebody runs: regista release h1.',
  ],
  [
    { delivery: deliveryRow({ state: 'waiting', detail: 'pull request 7' }) },
    't accepted giving k to t, which is not true yet: pull request 7. The next pass asks again.',
  ],
  [
    { syncState: 'paused', delivery: deliveryRow({ state: 'pending' }) },
    'Giving k to t is due. The sync is paused; after it is resumed, the next pass sends it.',
  ],
  [
    { target: targetRow({ state: 'unavailable', detail: 'no route' }), delivery: null },
    't was not given k yet. The target does not answer (no route); when it does, the next pass gives it v1.',
  ],
  [
    { target: targetRow({ state: 'orphaned', cursor: 10 }) },
    't holds v1, as the source wants it. The target was taken out of the configuration, so nothing is sent until it is back.',
  ],
]

for (const [changes, sentence] of cases) test(sentence, () => assert.equal(say(changes), sentence))

test('every state has a sentence, on every kind of target', () => {
  for (const state of deliveryStates) {
    for (const op of ['put', 'delete'] as const) {
      for (const target of ['new', 'ok', 'unavailable', 'orphaned'] as const) {
        const said = say({ delivery: deliveryRow({ state, op }), target: targetRow({ state: target }) })
        assert.match(said, /^[A-Zt].*\.$/)
        assert.ok(!/undefined|null|\.\.|\[object/.test(said), said)
      }
    }
  }
})

test('reasons of registries read as words', () => {
  assert.equal(reasonText('paused'), 'the sync is paused')
  assert.equal(reasonText('digest-pinned'), 'digest pinned')
})
