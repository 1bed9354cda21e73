import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createShield, judgeMiss, seenWhole, type Missed, type Sight } from './absence.ts'
import { scopesAbove } from './scope.ts'

const seen: Missed = { missedAt: null, misses: 0 }
const absence = fc.record({ looks: fc.integer({ min: 1, max: 5 }), apart: fc.integer({ min: 0, max: 100 }) })
/** Steps of a clock, which may be set back. */
const steps = fc.array(fc.integer({ min: -50, max: 100 }), { minLength: 1, maxLength: 12 })
const settings = { numRuns: 2_000, seed: 1 }

test('vouched absence counts at once', () => {
  assert.deepEqual(judgeMiss(seen, 'vouched', 0), { is: 'gone' })
})

test('gone takes so many looks in a row, the first and the last so far apart by a clock that did not go back', () => {
  fc.assert(
    fc.property(absence, steps, (rule, times) => {
      let missed = seen
      let now = 1_000
      let looks: number[] = []
      for (const step of times) {
        now += step
        // Looks that lie in the future by this clock cannot be told from looks that never were.
        if (looks.length > 0 && looks[0]! > now) looks = []
        looks.push(now)
        const verdict = judgeMiss(missed, rule, now)
        const believed = looks.length >= rule.looks && now - looks[0]! >= rule.apart
        assert.equal(verdict.is, believed ? 'gone' : 'missed')
        if (verdict.is === 'gone') return
        missed = verdict
      }
    }),
    settings,
  )
})

test('a look at the time that is named, and as many as it takes, ends it', () => {
  fc.assert(
    fc.property(absence, (rule) => {
      let missed = seen
      let now = 1_000
      for (let look = 1; look <= rule.looks + 1; look += 1) {
        const verdict = judgeMiss(missed, rule, now)
        if (verdict.is === 'gone') return
        assert.ok(verdict.confirmAt >= now && verdict.confirmAt <= 1_000 + rule.apart)
        missed = verdict
        now = verdict.confirmAt
      }
      assert.fail('never believed')
    }),
    settings,
  )
})

const scopes = ['', 'a', 'a/b', 'a/b/c', 'd']
const sights: Sight[] = ['complete', 'unchanged', 'delta', 'partial', 'unseen']
const whole: ReadonlySet<Sight | undefined> = new Set<Sight>(['complete', 'unchanged', 'delta'])

test('a scope was seen whole when it was, and every known scope above it', () => {
  const pass = fc.record({
    scope: fc.constantFrom(...scopes),
    known: fc.subarray(scopes),
    sights: fc.array(fc.option(fc.constantFrom(...sights), { nil: undefined }), { minLength: 5, maxLength: 5 }),
  })
  fc.assert(
    fc.property(pass, ({ scope, known, sights: seenAs }) => {
      const sightOf = (one: string) => seenAs[scopes.indexOf(one)]
      const needed = [scope, ...known.filter((one) => one !== scope && isAbove(one, scope))]
      assert.equal(
        seenWhole(scope, sightOf, new Set(known)),
        needed.every((one) => whole.has(sightOf(one))),
      )
    }),
    settings,
  )
})

const isAbove = (one: string, scope: string) => scopesAbove(scope).includes(one)

test('a trouble shields what it names and nothing else', () => {
  const troubles = fc.record({
    keys: fc.subarray(['a', 'b', 'c']),
    origins: fc.subarray(['x', 'y']),
    key: fc.constantFrom('a', 'b', 'c', 'x'),
    origin: fc.constantFrom('x', 'y', 'a', null),
  })
  fc.assert(
    fc.property(troubles, ({ keys, origins, key, origin }) => {
      const shields = createShield([
        ...keys.map((one) => ({ key: one, why: 'trouble' })),
        ...origins.map((one) => ({ origin: one, why: 'trouble' })),
      ])
      assert.equal(shields({ key, origin }), keys.includes(key) || (origin !== null && origins.includes(origin)))
    }),
    settings,
  )
})
