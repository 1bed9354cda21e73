import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { strategies, type Selection, type Strategy } from '../model.ts'
import { explain } from './explain.ts'
import { compareTags, select, selectionFault, type Selected } from './select.ts'
import { compareVersions, parseVersion } from './version.ts'

interface Case {
  readonly strategy?: Strategy
  /** Patterns; default: every tag. */
  readonly of?: string | readonly string[]
  readonly range?: string
  readonly current?: string
  readonly folds?: boolean
  readonly tags: string
}

const selectionOf = ({ strategy = 'auto', of = [], range }: Omit<Case, 'tags'>): Selection => ({
  tags: [of].flat(),
  strategy,
  range: range ?? null,
})
const named = (tags: string | readonly string[]) =>
  (typeof tags === 'string' ? tags.split(' ').filter(Boolean) : tags).map((name) => ({ name }))
const run = (each: Case): Selected =>
  select({
    tags: named(each.tags),
    selection: selectionOf(each),
    foldsCase: each.folds ?? false,
    current: each.current ?? null,
  })
const outcome = (selected: Selected) => (selected.is === 'chosen' ? selected.tag : `(${selected.is})`)

/** What is chosen, from what. */
const vectors: readonly (readonly [string, Case])[] = [
  // Nothing to choose from.
  ['(no-match)', { tags: '' }],
  ['(no-match)', { of: 'v*', tags: 'dev-1 latest' }],
  // `latest` says nothing, unless it is all there is, or wanted.
  ['latest', { tags: 'latest' }],
  ['v1', { tags: 'latest v1' }],
  ['latest', { of: 'latest', tags: 'v1 latest' }],
  ['latest', { of: '{latest,v*}', strategy: 'pushed', tags: 'latest' }],
  ['v1', { tags: `v1 latest sha256-${'a'.repeat(64)}.sig sha256-${'b'.repeat(64)} v9.att v8.sbom` }],
  ['(no-match)', { tags: `sha256-${'a'.repeat(64)}` }],
  // One tag, in full.
  ['(no-match)', { of: 'stable', tags: 'v1 v2' }],
  ['stable', { of: 'Stable', folds: true, tags: 'v1 stable' }],
  // SemVer.
  ['v1.10.0', { strategy: 'semver', tags: 'v1.9.0 v1.10.0 v1.2.11' }],
  ['1.2.3', { strategy: 'semver', tags: '1.2.3 1.2.3-rc.1 1.2.4-rc.1 1.2.4-beta2 1.3.0-alpha' }],
  ['1.2.4-rc.10', { strategy: 'semver', of: '*-rc*', tags: '1.2.3 1.2.4-rc.9 1.2.4-rc.10 1.2.4-beta.11' }],
  ['1.2.4-rc10', { strategy: 'semver', current: '1.2.4-rc9', tags: '1.2.3 1.2.4-rc10 1.2.4-rc9' }],
  ['1.2.4', { strategy: 'semver', current: '1.2.4-rc9', tags: '1.2.3 1.2.4-rc10 1.2.4 1.2.4-rc9' }],
  ['(no-match)', { strategy: 'semver', tags: '1.0.0-rc.1 1.0.0-beta' }],
  ['3.12.4', { strategy: 'semver', tags: '3.12.4 3.13.0rc1 3.13.0a2' }],
  ['1.2.3', { strategy: 'semver', tags: '1.2.3 1.2.3-alpine 1.3.0-alpine' }],
  ['1.3.0-alpine', { strategy: 'semver', current: '1.2.3-alpine', tags: '1.2.3-alpine 1.3.0-alpine 1.4.0 1.5.0-slim' }],
  ['1.3.0-alpine', { strategy: 'semver', of: '*-alpine', tags: '1.2.3-alpine 1.3.0-alpine 1.4.0' }],
  ['(ambiguous)', { strategy: 'semver', tags: '1.2.3-alpine 1.3.0-slim' }],
  ['1.3.0-rc1-alpine', { of: '*-rc*-alpine', tags: '1.2.0-rc2-alpine 1.3.0-rc1-alpine' }],
  // Deployed of another variant, which the pattern does not let in: it is no rule any more.
  ['1.3.0-slim', { of: '*-slim', current: '1.2.3-alpine', tags: '1.2.3-alpine 1.2.3-slim 1.3.0-slim' }],
  // The number of parts stays.
  ['1.27', { strategy: 'semver', current: '1.26', tags: '1 1.26 1.27 1.27.3 1.28.0 2' }],
  ['1.28.0', { strategy: 'semver', tags: '1 1.26 1.27 1.27.3 1.28.0 2 20240105' }],
  ['1.2.3', { strategy: 'semver', tags: '1.2.3 2024.01.05.1 1.2' }],
  ['2024.01.05.1', { strategy: 'semver', tags: '2024.01.05.1 9.2' }],
  ['1.2.3.5', { strategy: 'semver', current: '1.2.3.4', tags: '1.2.3 1.2.4 1.2.3.4 1.2.3.5' }],
  ['2.1', { strategy: 'semver', tags: '1 2 2.0 2.1' }],
  ['(no-match)', { strategy: 'semver', current: '1.2', tags: '1.2.3 1.2.4', of: '1.*' }],
  // No versions: hashes, words.
  ['1.2.3', { strategy: 'semver', tags: '1.2.3 abc1234 1abcdef main 9e107d9d372bb6826bd81d3542a419d6' }],
  ['(no-match)', { strategy: 'semver', tags: 'abc1234 main' }],
  ['2024.01.05', { strategy: 'semver', tags: '2023.12.31 2024.01.05 2024.01.04' }],
  ['20240105123456790', { strategy: 'semver', tags: '20240105123456789 20240105123456790' }],
  // Ranges: filtered before the greatest is picked (keel#490).
  ['1.9.9', { range: '^1.2', tags: '1.2.0 1.9.9 2.0.0 2.1.0 0.9.0' }],
  ['1.2.9', { range: '~1.2.3', tags: '1.2.3 1.2.9 1.3.0' }],
  ['2.3.9', { range: '1.2 - 2.3', tags: '1.1.0 2.3.9 2.4.0' }],
  ['3.0.0', { range: '1.x || >=2.5', tags: '1.0.0 2.4.0 3.0.0' }],
  ['2.0.0', { range: '<=2', tags: '1.0.0 2.0.0 3.0.0' }],
  ['(no-match)', { range: '>=9', tags: '1.0.0 2.0.0' }],
  ['(no-match)', { range: '^1', tags: 'main dev-3' }],
  ['1.2.0', { range: '>=1', tags: '1.2.0 1.3.0-rc.1' }],
  ['1.3.0-rc.1', { range: '>=1.3.0-rc.0', tags: '1.2.0 1.3.0-rc.1 1.4.0-rc.1' }],
  ['1.4.0-rc.1', { range: '>=1.0.0-0', tags: '1.2.0 1.3.0-rc.1 1.4.0-rc.1' }],
  ['1.9.0', { range: '^1.0.0', tags: '1.9.0 2.0.0-rc.1' }],
  ['1.9.0', { range: '^1.0.0-0', tags: '1.9.0 2.0.0-rc.1' }],
  ['1.3', { range: '^1.2', tags: '1.2 1.3 2.0' }],
  ['1.2.3.9', { range: '~1.2.3', current: '1.2.3.4', tags: '1.2.3.4 1.2.3.9 1.3.0.0' }],
  ['90071992547409931.0.0', { range: '>=9', tags: '9.0.0 90071992547409930.0.0 90071992547409931.0.0' }],
  ['1.3.0-alpine', { range: '^1', of: '*-alpine', tags: '1.3.0-alpine 2.0.0-alpine' }],
  // Numbers.
  ['dev-124', { strategy: 'numeric', tags: 'dev-99 dev-124 main stable' }],
  ['20240105123456790', { strategy: 'numeric', tags: '20240105123456789 20240105123456790' }],
  ['(no-match)', { strategy: 'numeric', tags: 'main abcdefa' }],
  ['007', { strategy: 'numeric', tags: '7 007 6' }],
  ['10-abc1234', { strategy: 'numeric', tags: '9-fffffff 10-abc1234' }],
  ['v10', { strategy: 'alphabetical', of: '{v10,v2}*', tags: 'v10' }],
  ['v9', { strategy: 'alphabetical', tags: 'v10 v9' }],
  ['20240105', { strategy: 'alphabetical', tags: '20231231 20240105' }],
  // auto.
  ['v10', { of: 'v*', tags: 'v9 v10' }],
  ['dev-124', { of: 'dev-*', tags: 'dev-99 dev-124 main v9' }],
  ['dev-124', { tags: 'dev-99 dev-124' }],
  ['dev-124', { current: 'dev-99', tags: 'dev-99 dev-124 main-200 stable' }],
  ['(ambiguous)', { tags: 'dev-99 dev-124 main-3' }],
  ['1.2.3', { tags: '1.2.3 main abc1234 dev-5 1.2.4-5-gabc1234' }],
  ['2024-01-06', { tags: '2024-01-05 2024-01-06 2023-12-31' }],
  ['1.2.3-10', { tags: '1.2.3-9 1.2.3-10' }],
  ['20240105T130000Z', { tags: '20240105T120000Z 20240105T130000Z' }],
  ['1.2.3-12-gabc1234', { tags: '1.2.3-9-gfedcba9 1.2.3-12-gabc1234' }],
  ['main-abc1234-1700000001', { of: 'main-*', tags: 'main-fff1234-1700000000 main-abc1234-1700000001' }],
  ['main-1234567-1700000001', { of: 'main-*', tags: 'main-fff1234-1700000000 main-1234567-1700000001' }],
  ['release-1.10', { of: 'release-*', tags: 'release-1.9 release-1.10' }],
  ['v1.10', { of: 'v1*', tags: 'v1.9 v1.10' }],
  ['v1.12', { of: 'v1.1*', tags: 'v1.1 v1.12 v1.13-rc1' }],
  ['dev-7', { of: '{main,dev}-*', tags: 'main-5 dev-7' }],
  ['stable', { tags: 'stable' }],
  ['(ambiguous)', { tags: 'stable edge' }],
  ['abc1234', { tags: 'abc1234' }],
  // Hashes: only their times tell.
  ['(needs)', { tags: 'abc1234 def5678' }],
  ['(needs)', { tags: 'abc1234 1234567' }],
  ['(needs)', { of: 'main-*', tags: 'main-abc1234 main-def56789' }],
  ['(needs)', { tags: '20240105-abc1234 20240105-def5678 20240104-aaa1111' }],
  ['(needs)', { strategy: 'numeric', tags: '5-abc1234 5-def5678' }],
  ['(needs)', { strategy: 'pushed', tags: 'v1 v2' }],
  ['(needs)', { strategy: 'created', tags: 'v1 v2' }],
  ['v1', { strategy: 'created', tags: 'v1 latest' }],
  // One tag by digest, but a pattern for more.
  ['(ambiguous)', { strategy: 'auto', of: 'x*', tags: 'xa xb' }],
  // Ties.
  ['v1.2.0', { strategy: 'semver', tags: '1.2.0 v1.2.0 1.02.0' }],
  ['1.2.00', { strategy: 'semver', tags: '1.02.0 1.2.00' }],
]

test('what is chosen', () => {
  for (const [expected, each] of vectors) assert.equal(outcome(run(each)), expected, JSON.stringify(each))
})

test('no list, no tags and only artefacts are no error', () => {
  const selection = selectionOf({})
  for (const strategy of strategies) {
    const none = select({ tags: null, selection: { ...selection, strategy }, foldsCase: false, current: 'v1' })
    assert.equal(none.is, 'no-match')
  }
})

test('by time', () => {
  const pick = (strategy: Strategy, times: Record<string, number | null | undefined>) =>
    select({
      tags: Object.entries(times).map(([name, at]) => ({
        name,
        ...(at !== undefined && { pushedAt: at, createdAt: at }),
      })),
      selection: selectionOf({ strategy }),
      foldsCase: false,
      current: null,
    })
  const day = Date.UTC(2024, 0, 5)
  assert.equal(outcome(pick('pushed', { v9: day, v1: day + 1, v3: null })), 'v1')
  assert.equal(outcome(pick('auto', { abc1234: day, def5678: day + 1 })), 'def5678')
  assert.equal(
    outcome(pick('auto', { '20240105-abc1234': day + 1, '20240105-def5678': day, '1-fff1234': day + 9 })),
    '20240105-abc1234',
  )
  assert.equal(outcome(pick('pushed', { 'v1.2': day, 'v1.2.0': day })), 'v1.2.0')
  assert.deepEqual(
    [pick('pushed', { a: null, b: null }), pick('auto', { abc1234: null, def5678: null })].map(outcome),
    ['(ambiguous)', '(ambiguous)'],
  )
  const asks = pick('pushed', { a: day, b: undefined, c: null })
  assert.deepEqual(asks.is === 'needs' && [asks.what, asks.tags], ['pushed', ['b']])
  // Reproducible builds: 1970 and 1980 are no times.
  assert.equal(outcome(pick('created', { a: 0, b: Date.UTC(1980, 0, 1), c: day })), 'c')
  assert.equal(outcome(pick('created', { a: 0, b: 1000 })), '(ambiguous)')
})

/** Signs: a is older (-), newer (+), the same (0), or cannot be told (?). */
const compared: readonly (readonly [Strategy, string, string, string])[] = [
  ['semver', '1.9.0', '-', '1.10.0'],
  ['semver', '1.2.3-rc.1', '-', '1.2.3'],
  ['semver', '1.2.3-alpha', '-', '1.2.3-beta2'],
  ['semver', '1.2.3-beta2', '-', '1.2.3-rc.1'],
  ['semver', '1.2.3-rc.9', '-', '1.2.3-rc.10'],
  ['semver', '1.2.3-rc', '-', '1.2.3-rc.1'],
  ['semver', 'v1.2', '0', '1.02'],
  ['semver', '1.2.3', '?', '1.2.3-alpine'],
  ['semver', '1.2.3-alpine3.18', '?', '1.2.4-alpine3.19'],
  ['semver', '1.2', '?', '1.2.3'],
  ['semver', 'abc1234', '?', '1.2.3'],
  ['semver', '20240105123456789', '-', '20240105123456790'],
  ['numeric', 'dev-99', '-', 'dev-124'],
  ['numeric', 'main', '?', 'dev-124'],
  ['numeric', '5-abc1234', '?', '5-def5678'],
  ['alphabetical', 'v10', '-', 'v9'],
  ['auto', 'dev-124', '+', 'dev-99'],
  ['auto', 'dev-1', '?', 'main-2'],
  ['auto', '2024-01-05', '-', '2024-01-06'],
  ['auto', 'abc1234', '?', 'def5678'],
  ['auto', 'main-abc1234-5', '-', 'main-def56789-6'],
  ['auto', '1.2.3', '?', 'dev-4'],
  ['pushed', 'v1', '?', 'v2'],
  ['created', 'v1', '?', 'v2'],
  ['digest', 'v1', '0', 'v1'],
]

test('names that were made to be slow are read at once', () => {
  const ends = ['x', '-x', '.', '']
  const middles = [
    '1'.repeat(200),
    '1.'.repeat(100),
    '-1'.repeat(100),
    'a1'.repeat(100),
    '0a.'.repeat(60),
    'rc'.repeat(90),
  ]
  const names = middles.flatMap((middle) => ends.flatMap((end) => [`1.0-rc${middle}${end}`, `${middle}${end}`]))
  // Were one of them exponential, this would not end.
  for (const strategy of strategies) {
    assert.ok(run({ strategy, tags: names.join(' ') }).is)
    for (const name of names) compareTags(selectionOf({ strategy }), name, '1.0-rc1')
  }
})

test('2.1 is above 2.1.1, for it goes on to be the last of them', () => {
  const order = (a: string, b: string) => Math.sign(compareVersions(parseVersion(a)!, parseVersion(b)!))
  assert.deepEqual(
    [order('2.1', '2.1.1'), order('2.1.1', '2.1'), order('2.1.1', '2.2'), order('2', '1.9.9')],
    [1, -1, -1, 1],
  )
})

test('which of two is older', () => {
  const sign = (order: number | null) => (order === null ? '?' : order < 0 ? '-' : order > 0 ? '+' : '0')
  const back: Record<string, string> = { '-': '+', '+': '-' }
  for (const [strategy, a, expected, b] of compared) {
    const selection = selectionOf({ strategy })
    assert.equal(sign(compareTags(selection, a, b)), expected, `${strategy}: ${a} to ${b}`)
    assert.equal(sign(compareTags(selection, b, a)), back[expected] ?? expected, `${strategy}: ${b} to ${a}`)
  }
  assert.equal(compareTags(selectionOf({ of: 'v*' }), 'dev-1', 'v1'), null)
  assert.equal(compareTags(selectionOf({ of: 'release-*' }), 'release-9', 'release-10'), -1)
  // Deployed under another pattern.
  assert.equal(compareTags(selectionOf({ of: 'v1.*' }), 'v1.9.0', 'v2.0.0'), -1)
  assert.equal(compareTags(selectionOf({ of: '*-slim' }), '1.9.0-slim', '2.0.0-alpine'), -1)
  assert.equal(compareTags(selectionOf({ of: '*-slim' }), '2.0.0-slim', '2.0.0-alpine'), null)
  assert.equal(compareTags(selectionOf({ of: 'release-1.*' }), 'release-1.9', 'release-2.0'), -1)
  assert.equal(compareTags(selectionOf({ of: 'v1.9.0' }), 'v1.9.0', 'v2.0.0'), null)
})

const parts = [
  '1',
  '2',
  '10',
  '1.2',
  '1.10',
  '1.2.3',
  '1.2.10',
  '2.0.0',
  '20240105123456789',
  'abc1234',
  '1234567',
  'main',
]
const suffixes = ['', '', '', '-alpine', '-rc.1', '-rc.2', '-beta2', '-5', '-6', '-abc1234', '-r3']
const tagName = fc
  .tuple(fc.constantFrom('', 'v', 'dev-', 'main-'), fc.constantFrom(...parts), fc.constantFrom(...suffixes))
  .map((texts) => texts.join(''))
const lists = fc.record({
  tags: fc.uniqueArray(tagName, { maxLength: 12 }),
  strategy: fc.constantFrom(...strategies),
  of: fc.constantFrom('*', 'v*', 'dev-*', '*-alpine', '*-rc*', '{v,main-}*', '*,!*-rc*'),
  current: fc.option(tagName),
  folds: fc.boolean(),
})

test('the order of the list is of no account', () => {
  const shuffled = lists.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list.tags, { minLength: list.tags.length }), fc.boolean()),
  )
  let chosen = 0
  fc.assert(
    fc.property(shuffled, ([{ tags, strategy, of, current, folds }, others, timed]) => {
      const at = { pushedAt: 5, createdAt: Date.UTC(2024) }
      const from = { selection: selectionOf({ strategy, of }), foldsCase: folds, current }
      const pick = (list: string[]) =>
        select({ ...from, tags: named(list).map((tag) => ({ ...tag, ...(timed && at) })) })
      const [one, other] = [pick(tags), pick(others)]
      if (one.is === 'chosen') chosen += 1
      assert.equal(outcome(other), outcome(one))
      if (one.is === 'ambiguous' || one.is === 'no-match') assert.deepEqual(other, one)
    }),
    { numRuns: 2000, seed: 1 },
  )
  assert.ok(chosen > 500)
})

test('a lower tag more never changes the choice', () => {
  let held = 0
  fc.assert(
    fc.property(lists, tagName, ({ tags, strategy, of, current, folds }, lower) => {
      const from = { selection: selectionOf({ strategy, of }), foldsCase: folds, current }
      const before = select({ ...from, tags: named(tags) })
      if (
        before.is !== 'chosen' ||
        lower === before.tag ||
        compareTags(from.selection, lower, before.tag, folds) !== -1
      )
        return
      held += 1
      assert.equal(outcome(select({ ...from, tags: named([...tags, lower]) })), before.tag, lower)
    }),
    { numRuns: 5000, seed: 1 },
  )
  assert.ok(held > 100)
})

test('nothing below what it names older is chosen', () => {
  fc.assert(
    fc.property(lists, ({ tags, strategy, of, folds }) => {
      const selection = selectionOf({ strategy, of })
      const chosen = select({ tags: named(tags), selection, foldsCase: folds, current: null })
      if (chosen.is !== 'chosen') return
      const above = explain({ tags: named(tags), selection, foldsCase: folds, current: null })
        .tags.filter(({ matches }) => matches)
        .filter(({ tag }) => compareTags(selection, chosen.tag, tag, folds) === -1)
      assert.deepEqual(above, [])
    }),
    { numRuns: 2000, seed: 1 },
  )
})

test('no names make it throw', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string()),
      fc.constantFrom(...strategies),
      fc.option(fc.string()),
      (names, strategy, current) => {
        const selection = selectionOf({ strategy })
        assert.ok(select({ tags: named(names), selection, foldsCase: false, current }).is)
        for (const name of names) compareTags(selection, name, current ?? '1.2')
      },
    ),
    { numRuns: 500, seed: 1 },
  )
})

test('what is chosen is explained, and why the others are not', () => {
  const why = explain({
    tags: named('1.2.3 1.3.0 1.4.0-rc.1 1.3.0-alpine latest dev 1.2.3-rc2 main'),
    selection: selectionOf({ strategy: 'semver', of: ['*', '!main', 'a/b'] }),
    foldsCase: false,
    current: null,
  })
  assert.deepEqual(
    why.tags.map(({ tag, matches, why: text }) => `${tag} ${String(matches)} ${text}`),
    [
      '1.2.3 true 1.3.0 is newer',
      '1.3.0 true the greatest version of the form N.N.N',
      '1.4.0-rc.1 false a prerelease, which neither the pattern nor a range asks for',
      '1.3.0-alpine false not of the form N.N.N',
      'latest false says nothing of its version; counts only where it is the only match, or named in full',
      'dev false no version',
      '1.2.3-rc2 false a prerelease, which neither the pattern nor a range asks for',
      'main false excluded by the pattern',
    ],
  )
  assert.equal(why.warnings.length, 1)
})

test('a selection that contradicts itself is refused, with a next step', () => {
  const refused = [
    { of: '[' },
    { of: 'v*', strategy: 'digest' },
    { of: 'v1', range: '^1' },
    { of: 'v*', strategy: 'pushed', range: '^1' },
    { of: 'v*', strategy: 'semver', range: 'newest' },
    { of: 'v*', range: ' ' },
    { of: 'v*', range: `>=1 ${'|| 1 '.repeat(100)}` },
  ] as const
  for (const each of refused) assert.match(selectionFault(selectionOf(each)) ?? 'taken', /.+\n.+/, JSON.stringify(each))
  for (const each of [
    {},
    { of: 'v1', strategy: 'digest' },
    { range: '^1' },
    { strategy: 'semver', range: '*' },
  ] as const) {
    assert.equal(selectionFault(selectionOf(each)), null, JSON.stringify(each))
  }
  assert.equal(run({ of: '[', tags: 'v1' }).is, 'no-match')
  assert.equal(run({ strategy: 'digest', of: 'v*', tags: 'v1' }).is, 'no-match')
})
