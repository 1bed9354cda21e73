/** The rules of a decision as properties, stated without looking at how it is made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide, type Decision, type KeyView, type TargetView } from './decide.ts'
import { lifecycle } from './lifecycle.ts'
import type { Held } from './target.ts'
import { anyKeyView, anyTargetView, applied, delivery, now, target } from './loop-tests/testing/views.ts'

const runs = { numRuns: 3_000, seed: 1 }

function always(rule: (decision: Decision, view: KeyView, seen: TargetView) => void): void {
  fc.assert(
    fc.property(anyKeyView, anyTargetView, (view, seen) => rule(decide(view, seen), view, seen)),
    runs,
  )
}

const sends = (decision: Decision, op: 'put' | 'delete') => decision.do === 'send' && decision.op === op

test('a desired key is never deleted, and one that is unclear is left alone', () => {
  always((decision, { desired }) => {
    if (desired.is === 'put') assert.ok(!sends(decision, 'delete'))
    if (desired.is === 'keep') assert.equal(decision.do, 'nothing')
  })
})

test('a key that nobody wants is never put', () => {
  always((decision, { desired }) => {
    if (desired.is === 'none') assert.ok(!sends(decision, 'put'))
  })
})

test('what is not ours is never deleted: neither delivered, nor under way, nor in the inventory', () => {
  always((decision, { delivery: row, held }) => {
    if (!sends(decision, 'delete')) return
    const underWay = row !== null && ['sending', 'unsure', 'waiting'].includes(row.state)
    const doubted = held === undefined && row !== null && row.doubt !== null
    assert.ok(held?.owned === true || underWay || doubted || (row !== null && row.digest !== null))
  })
})

test('what was perhaps sent once, and is seen not to be there, gives no right to what is', () => {
  always((decision, { delivery: row, held }) => {
    if (row === null || row.digest !== null || (row.state !== 'sending' && row.state !== 'unsure')) return
    if (held == null || held.owned === true || held.digest === null || held.digest === row.want) return
    assert.ok(!sends(decision, 'delete'))
  })
})

test('a key that the inventory alone knows is deleted only once its absence was judged', () => {
  always((decision, { desired, delivery: row }) => {
    if (desired.is !== 'none' || desired.known || row !== null) return
    assert.ok(decision.do === 'nothing' || decision.do === 'stray')
  })
})

test('the target is sent nothing that it was just seen to hold', () => {
  always((decision, { desired, held }) => {
    if (desired.is !== 'put' || held == null || held.digest !== desired.digest) return
    assert.ok(decision.do === 'nothing' || (decision.do === 'note' && decision.note.event === 'adopted'))
  })
})

test('a delete is never sent for a key that was just seen to be absent, unless something is still to come', () => {
  always((decision, { held, delivery: row }) => {
    if (held === null && sends(decision, 'delete')) assert.equal(row?.state, 'waiting')
  })
})

test('what may have been sent to an unsafe target is sent again only after a look or a release', () => {
  always((decision, { delivery: row, held }, seen) => {
    if (seen.repeat !== 'unsafe' || held !== undefined || row === null) return
    if (row.state !== 'sending' && row.state !== 'unsure') return
    if (decision.do === 'send') assert.equal(decision.hold, 'outcome-unknown')
  })
})

test('what is sent is the latest wish', () => {
  always((decision, { desired }) => {
    if (decision.do !== 'send') return
    assert.equal(decision.want, desired.is === 'put' ? desired.digest : null)
    if (decision.resume) assert.equal(decision.note, null)
  })
})

test('a change in the waiting is resumed only for the wish it was made for', () => {
  always((decision, { delivery: row, desired }) => {
    if (decision.do !== 'send' || !decision.resume) return
    assert.equal(row?.state, 'waiting')
    assert.equal(row?.want, desired.is === 'put' ? desired.digest : null)
  })
})

test('somebody else’s value is never overwritten against the policy', () => {
  always((decision, { delivery: row, held }, seen) => {
    const theirs = held != null && held.owned !== true && (row === null || (row.digest === null && isQuiet(row.state)))
    if (!theirs || seen.firstSight === 'overwrite' || decision.do !== 'send' || decision.op !== 'put') return
    assert.equal(decision.hold, 'first-sight')
    assert.equal(seen.firstSight, 'hold')
  })
})

const isQuiet = (state: string) => ['pending', 'held', 'rejected', 'failed'].includes(state)

test('every decision is a step that the lifecycle has', () => {
  always((decision, { delivery: row }) => {
    if (decision.do === 'nothing' || decision.do === 'stray') return
    const noted = decision.note === null ? (row?.state ?? 'none') : lifecycle[row?.state ?? 'none'][decision.note.event]
    assert.ok(noted !== null, `${row?.state} × ${decision.note?.event}`)
    if (decision.do === 'note') return
    if (decision.hold !== null) assert.ok(lifecycle[noted].held !== null, `${noted} × held`)
    for (const event of ['sent', 'waiting', 'rejected', 'failed', 'lost'] as const) {
      if (event !== 'sent' || !decision.resume) assert.ok(lifecycle[noted][event] !== null, `${noted} × ${event}`)
    }
  })
})

test('where labels are all that can be told, other content under the same label is sent', () => {
  const view: KeyView = {
    desired: { is: 'put', digest: 'd2', label: 'v1' },
    delivery: applied({ digest: 'd1', want: 'd1', label: 'v1' }),
    held: { key: 'k', digest: null, label: 'v1' },
  }
  assert.ok(sends(decide(view, target()), 'put'))
  const row = { digest: 'd1', digestLabel: 'v1', want: 'd2', label: 'v1', due: now }
  for (const state of ['failed', 'unsure', 'sending', 'held'] as const) {
    assert.ok(sends(decide({ ...view, delivery: delivery({ ...row, state }) }, target()), 'put'), state)
  }
})

test('what was lost and shows again under its label is what was lost, not what is wanted since', () => {
  const held = { key: 'k', digest: null, label: 'v1' }
  const row = { digest: null, want: 'd1', label: 'v1', due: now }
  const lost = [
    delivery({ ...row, state: 'pending', reason: 'drifted' }),
    delivery({ ...row, state: 'held', reason: 'drift-reported' }),
  ]
  for (const one of lost) {
    const other = decide({ desired: { is: 'put', digest: 'd2', label: 'v1' }, delivery: one, held }, target())
    assert.deepEqual([other.do, other.do === 'send' && other.want], ['send', 'd2'])
    const same = decide({ desired: { is: 'put', digest: 'd1', label: 'v1' }, delivery: one, held }, target())
    assert.equal(same.do, 'note')
  }
})

test('where labels are all that can be told, the wanted label is taken for the wanted content', () => {
  const desired = { is: 'put', digest: 'd2', label: 'v2' } as const
  const held = { key: 'k', digest: null, label: 'v2' }
  for (const row of [null, applied({ digest: 'd1', label: 'v1' }), delivery({ state: 'sending', want: 'd2' })]) {
    const decision = decide({ desired, delivery: row, held }, target())
    assert.deepEqual(decision, { do: 'note', note: { event: 'adopted', reason: 'adopted' } })
  }
})

test('what an earlier identity acknowledged does not count for a new one', () => {
  const desired = { is: 'put', digest: 'd1', label: 'v1' } as const
  for (const state of ['applied', 'failed', 'rejected', 'held', 'pending'] as const) {
    const row = delivery({ state, digest: 'd1', want: 'd2', epoch: 1 })
    assert.ok(sends(decide({ desired, delivery: row, held: undefined }, target({ epoch: 2 })), 'put'), state)
    const none: KeyView = { desired: { is: 'none', known: true }, delivery: row, held: undefined }
    assert.deepEqual(decide(none, target({ epoch: 2 })), {
      do: 'note',
      note: { event: 'vanished', reason: 'identity-changed' },
    })
  }
})

test('at a new identity, what is neither in the inventory nor what we delivered is somebody else’s', () => {
  const desired = { is: 'put', digest: 'd2', label: 'v2' } as const
  const seen = target({ epoch: 2, firstSight: 'hold' })
  const theirs = { key: 'k', digest: 'd9', label: 'v9' }
  const ours = { key: 'k', digest: 'd1', label: 'v1' }
  for (const row of [
    applied(),
    delivery({ state: 'failed', digest: 'd1', digestLabel: 'v1', want: 'd2', label: 'v2', due: now }),
  ]) {
    const holdAt = (held: Held) => {
      const decision = decide({ desired, delivery: row, held }, seen)
      return decision.do === 'send' ? decision.hold : decision.do
    }
    assert.equal(holdAt(theirs), 'first-sight', row.state)
    assert.equal(holdAt({ ...theirs, digest: null }), 'first-sight', row.state)
    assert.equal(holdAt({ ...theirs, owned: true }), null, row.state)
    assert.equal(holdAt(ours), null, row.state)
    assert.equal(holdAt({ ...ours, digest: null }), null, row.state)
  }
})

test('what a look once found to be somebody else’s stays so without a look', () => {
  const desired = { is: 'put', digest: 'd2', label: 'v2' } as const
  for (const state of ['held', 'rejected', 'pending'] as const) {
    const row = delivery({ state, want: 'd1', reason: 'first-sight' })
    const decide1 = (firstSight: TargetView['firstSight']) =>
      decide({ desired, delivery: row, held: undefined }, target({ firstSight }))
    const held = decide1('hold')
    assert.equal(held.do === 'send' && held.hold, 'first-sight', state)
    assert.equal(decide1('keep').do, 'note', state)
    const free = decide1('overwrite')
    assert.equal(free.do === 'send' && free.hold, null, state)
  }
})

test('a decision holds only what its own reasons hold; gates speak for themselves', () => {
  always((decision, { delivery: row }, seen) => {
    if (decision.do !== 'send' || decision.hold === null) return
    if (decision.hold === 'drift-reported') assert.equal(seen.drift, 'report')
    else if (decision.hold === 'outcome-unknown') assert.equal(seen.repeat, 'unsafe')
    else assert.equal(decision.hold, 'first-sight')
    assert.notEqual(row?.state, 'waiting')
  })
})

test('drift that is only reported gives way to a new wish', () => {
  const row = delivery({ state: 'held', digest: 'd9', want: 'd1', reason: 'drift-reported' })
  const holdOf = (digest: string, epoch: number) => {
    const desired = { is: 'put', digest, label: 'v' } as const
    const seen = target({ drift: 'report', regate: true, epoch })
    const decision = decide({ desired, delivery: row, held: undefined }, seen)
    return decision.do === 'send' ? decision.hold : decision.do
  }
  assert.deepEqual([holdOf('d1', 1), holdOf('d2', 1), holdOf('d1', 2)], ['drift-reported', null, null])
})

test('a change that waits for a time or a failed one is left alone until then', () => {
  const desired = { is: 'put', digest: 'd2', label: 'v2' } as const
  for (const state of ['failed', 'held', 'waiting', 'unsure'] as const) {
    const row = delivery({ state, want: 'd2', due: now + 1 })
    assert.equal(decide({ desired, delivery: row, held: undefined }, target()).do, 'nothing', state)
    assert.equal(decide({ desired, delivery: { ...row, due: now }, held: undefined }, target()).do, 'send', state)
  }
})

test('what was rejected is tried again when that changes which had to', () => {
  const same = { is: 'put', digest: 'd1', label: 'v1' } as const
  const other = { is: 'put', digest: 'd2', label: 'v2' } as const
  for (const until of ['item', 'target'] as const) {
    const row = delivery({ state: 'rejected', want: 'd1', until })
    assert.equal(decide({ desired: same, delivery: row, held: undefined }, target()).do, 'nothing')
    assert.equal(decide({ desired: other, delivery: row, held: undefined }, target()).do, 'send')
    const renewed = decide({ desired: same, delivery: row, held: undefined }, target({ renewed: true }))
    assert.equal(renewed.do, until === 'target' ? 'send' : 'nothing')
  }
})

test('a put that is still to come true is taken back when nobody wants it any more', () => {
  const row = delivery({ state: 'waiting', op: 'put', want: 'd1', due: now + 1, handle: { pull: 1 } })
  const decision = decide({ desired: { is: 'none', known: true }, delivery: row, held: null }, target())
  assert.ok(sends(decision, 'delete'))
})

test('where a sending that was cut off tears what was there, no look ends a doubt', () => {
  always((_, view, plain) => {
    const row = view.delivery
    if (row === null || view.desired.is === 'keep') return
    if (row.doubt === null && row.state !== 'sending' && row.state !== 'unsure') return
    const decision = decide(view, { ...plain, torn: true })
    // What somebody else had there first is left to him.
    if (decision.do === 'note') assert.deepEqual(decision.note, { event: 'rejected', reason: 'first-sight' })
    if (decision.do === 'nothing') assert.ok(['unsure', 'failed', 'held', 'rejected', 'waiting'].includes(row.state))
    assert.deepEqual(decide({ ...view, held: undefined }, { ...plain, torn: true }), decision)
  })
})

test('where it tears, what we delivered and nobody wants is removed though no look shows it', () => {
  const gone: KeyView = { desired: { is: 'none', known: true }, delivery: applied(), held: null }
  assert.ok(sends(decide(gone, { ...target(), torn: true }), 'delete'))
  assert.equal(decide(gone, target()).do, 'note')
})
