import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bootHash, calmAfter, createBoots } from './boots.ts'
import { createBeatColumns } from './columns.ts'
import { plainBeat } from './testing.ts'

function setUp() {
  const columns = createBeatColumns(1)
  const boots = createBoots(columns)
  return (boot: string, sequence: number, at = 0) => {
    columns.ensure(2_000)
    return boots.judge(2_000, { ...plainBeat, boot, sequence }, at)
  }
}

describe('boots and sequences', () => {
  it('take what grows, and repeat what does not', () => {
    const beat = setUp()
    assert.equal(beat('a', 5), 'taken')
    assert.equal(beat('a', 5), 'repeated')
    assert.equal(beat('a', 4), 'repeated')
    assert.equal(beat('a', 6), 'taken')
    assert.equal(beat('a', -1), 'taken')
    assert.equal(beat('a', 6), 'repeated')
  })

  it('tell of a restart once, and know a late copy of the boot before', () => {
    const beat = setUp()
    assert.equal(beat('a', 5), 'taken')
    assert.equal(beat('b', 0), 'restarted')
    assert.equal(beat('a', 5), 'repeated')
    assert.equal(beat('b', 0), 'repeated')
    assert.equal(beat('b', 1), 'taken')
    assert.equal(beat('c', 0), 'restarted')
  })

  it('tell of two senders once, and again after it was calm', () => {
    const beat = setUp()
    beat('a', 1)
    assert.equal(beat('b', 1, 1_000), 'restarted')
    assert.equal(beat('a', 2, 2_000), 'duplicate')
    assert.equal(beat('b', 2, 3_000), 'taken')
    assert.equal(beat('a', 3, 4_000), 'taken')
    // Both go on, with the same numbers as before.
    assert.equal(beat('b', 2, 5_000), 'repeated')
    const calm = 5_000 + calmAfter
    assert.equal(beat('b', 3, calm), 'restarted')
    assert.equal(beat('a', 4, calm + 1), 'duplicate')
  })

  it('take everything of senders that say no sequence', () => {
    const beat = setUp()
    assert.deepEqual(
      ['a', 'a', 'b', 'b', 'a', 'b', 'a'].map((boot) => beat(boot, -1)),
      ['taken', 'taken', 'restarted', 'taken', 'duplicate', 'taken', 'taken'],
    )
  })

  it('repeat every batch that is sent again, as long as it spans two boots at most', () => {
    const run = fc.record({ boot: fc.constantFrom('a', 'b'), length: fc.integer({ min: 1, max: 4 }) })
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), (runs) => {
        const beat = setUp()
        const next: Record<string, number> = { a: 0, b: 0 }
        const sent = runs.flatMap(({ boot, length }) =>
          Array.from({ length }, () => ({ boot, sequence: (next[boot] = next[boot]! + 1) })),
        )
        for (const { boot, sequence } of sent) assert.notEqual(beat(boot, sequence), 'repeated')
        for (const { boot, sequence } of sent) assert.equal(beat(boot, sequence), 'repeated')
      }),
    )
  })

  it('hash boots apart', () => {
    const seen = new Set<number>()
    for (let n = 0; n < 20_000; n += 1) seen.add(bootHash(`${n}`)).add(bootHash(`boot-${n}-0`))
    assert.equal(seen.size, 40_000)
    for (const hash of seen) assert.ok(Number.isSafeInteger(hash) && hash > 0)
  })
})
