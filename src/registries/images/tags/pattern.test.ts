import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readGlob, type Alternative, type Piece } from './glob.ts'
import { createMatcher } from './matcher.ts'
import { fixedTag, matches, parsePattern, patternFault } from './pattern.ts'

const exact = { foldsCase: false }
const read = (texts: string | readonly string[]) => {
  const parsed = parsePattern(texts)
  if ('fault' in parsed) throw new Error(parsed.fault)
  return parsed
}
const globOf = (text: string) => readGlob(text) as readonly Alternative[]

/** Pattern, tags that it matches, tags that it does not. */
const vectors: readonly (readonly [string | string[], string, string])[] = [
  ['', 'v1 latest anything', ''],
  [[], 'v1 latest', ''],
  [' ', 'v1', ''],
  ['*', 'v1 1 _x', ''],
  ['**', 'v1', ''],
  ['v*', 'v1 v v1.2.3', 'dev-1 V1 xv'],
  ['v?', 'v1 vx', 'v v12'],
  ['dev-*', 'dev-1 dev-', 'dev dev1 xdev-1'],
  ['*-alpine', '1.2-alpine -alpine', '1.2-alpine3 alpine'],
  ['v1.*.*', 'v1.2.3 v1..', 'v1.2 v2.2.3'],
  ['{dev,v}*', 'dev-1 v1', 'latest xv1'],
  ['v1{,-alpine}', 'v1 v1-alpine', 'v1-slim'],
  ['{a,b}-{1,2}', 'a-1 b-2', 'a-3 c-1'],
  ['v[!0-9]*', 'vx1', 'v1 v'],
  ['v[^0-9]*', 'vx1', 'v1 v'],
  ['v[0-9].[0-9]', 'v1.2', 'v1.x v10.2'],
  ['[a-]x', 'ax -x', 'bx'],
  ['[-a]x', 'ax -x', 'bx'],
  ['[a\\-z]', 'a - z', 'b'],
  ['v1\\.0', 'v1.0', 'v1x0'],
  ['v1.0', 'v1.0', 'v1x0 v1.0.0'],
  ['v*,!*-rc*', 'v1', 'v1-rc1 dev'],
  [['v*', '!*-rc*'], 'v1', 'v1-rc1'],
  ['!dev-*', 'v1 latest', 'dev-1'],
  ['! dev-*', 'v1', 'dev-1'],
  [' dev-* ', 'dev-1', 'v1'],
  ['a,b', 'a b', 'c a,b'],
  ['{a,b},c', 'a b c', 'd'],
  ['[a,b]x', 'ax bx', 'cx'],
  [',a,,', 'a', 'b'],
  ['!(latest)', '', ''],
  ['v1.0.[0]', 'v1.0.0', 'v1.0.1'],
]

test('what patterns match', () => {
  for (const [pattern, yes, no] of vectors) {
    for (const tag of yes.split(' ').filter(Boolean)) {
      assert.equal(matches(read(pattern).pattern, tag, exact), true, `${String(pattern)} must match ${tag}`)
    }
    for (const tag of no.split(' ').filter(Boolean)) {
      assert.equal(matches(read(pattern).pattern, tag, exact), false, `${String(pattern)} must not match ${tag}`)
    }
  }
})

test('case is kept, but where the registry does not', () => {
  const { pattern } = read('V[A-C]*-RC1')
  assert.equal(matches(pattern, 'vb2-rc1', exact), false)
  assert.equal(matches(pattern, 'vb2-rc1', { foldsCase: true }), true)
  assert.equal(matches(read('v[!A-C]*').pattern, 'vb2', { foldsCase: true }), false)
  assert.equal(matches(read('v[!A-C]*').pattern, 'vb2', exact), true)
})

test('artefacts are no tags, unless named in full', () => {
  const signature = `sha256-${'0123456789abcdef'.repeat(4)}`
  for (const tag of [signature, `${signature}.sig`, `${signature}.att`, `${signature}.sbom`, 'v1.sig', 'v1.sbom']) {
    assert.equal(matches(read('*').pattern, tag, exact), false, tag)
    assert.equal(matches(read('{v,sha256-}*').pattern, tag, exact), false, tag)
    assert.equal(matches(read(tag).pattern, tag, exact), true, tag)
  }
  assert.equal(matches(read('*').pattern, `${signature}0`, exact), true)
  assert.equal(matches(read('*').pattern, 'sha256-abc', exact), true)
})

test('a pattern without wildcards follows one tag', () => {
  const fixed = (texts: string | string[], foldsCase = false) => fixedTag(read(texts).pattern, { foldsCase })
  assert.equal(fixed('latest'), 'latest')
  assert.equal(fixed('v1\\*'), 'v1*')
  assert.equal(fixed('Stable', true), 'stable')
  assert.equal(fixed('v{1}'), 'v1')
  assert.deepEqual(
    ['', '*', 'v1,v2', 'v{1,2}', 'v[1]', 'v?', '!latest'].map((text) => fixed(text)),
    Array(7).fill(null),
  )
})

test('what cannot be read is refused, with a next step', () => {
  const refused = [
    'v1.0.[0',
    'v[',
    'v[]',
    'v[!]',
    '[z-a]',
    '{a',
    'a}',
    'a]',
    '{a,{b,c}}',
    'v\\',
    '!',
    'a\u0007',
    'a\nb',
  ]
  const long = ['a'.repeat(257), `{${Array(65).fill('a').join(',')}}`, Array(65).fill('a').join(',')]
  const wide = '{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}'
  for (const text of [...refused, ...long, `${wide}{a,b}`, `${wide}${'c'.repeat(200)}`]) {
    assert.match(patternFault(text) ?? `${text} was taken`, /^(has|is|ends|excludes) .+\n.+/s, text)
  }
  assert.equal(patternFault(['v*', '[']), patternFault('['))
  for (const text of ['', '*', wide, 'a'.repeat(256), `{${Array(64).fill('a').join(',')}}`]) {
    assert.equal(patternFault(text), null, text)
  }
})

test('what can never match is warned of', () => {
  const never = ['a/b', 'a b*', '!(latest)', '+(a)', '-a*', '.x', 'ä*', '?'.repeat(129), '{v*,a:b}']
  for (const text of never) assert.equal(read(text).warnings.length, 1, text)
  for (const text of ['*', 'v*', '[/]', '*-x', '_', '?'.repeat(128)]) assert.deepEqual(read(text).warnings, [], text)
})

test('characters beyond those of tags are matched by wildcards alone', () => {
  const matched = ['?', '*', '[!a]', 'ä', '[ä]'].filter((text) => matches(read(text).pattern, 'ä', exact))
  assert.deepEqual(matched, ['?', '*', '[!a]'])
})

/** By the book, and exponential: what the matcher must agree with. */
function naive(pieces: readonly Piece[], text: string): boolean {
  const [first, ...rest] = pieces
  if (first === undefined) return text === ''
  if (first.is === 'star') return naive(rest, text) || (text !== '' && naive(pieces, text.slice(1)))
  if (text === '') return false
  const char = text[0]!
  const here =
    first.is === 'any' ||
    (first.is === 'one' && first.char === char) ||
    (first.is === 'set' && first.ranges.some(([from, to]) => from <= char && char <= to) !== first.except)
  return here && naive(rest, text.slice(1))
}

test('the matcher agrees with one by the book', () => {
  const part = fc.constantFrom('*', '?', 'a', 'b', '1', '-', '[ab]', '[!a]', '[0-9]', '{a,b*}', '{,1}')
  const glob = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''))
  const tag = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-'), maxLength: 9 })
  let matched = 0
  fc.assert(
    fc.property(fc.array(glob, { minLength: 1, maxLength: 9 }), tag, (globs, text) => {
      const alternatives = globs.flatMap((each) =>
        globOf(
          each
            .replaceAll('}{', '}a{')
            .slice(0, 30)
            .replace(/[[{][^\]}]*$/, ''),
        ),
      )
      const index = alternatives.findIndex(({ pieces }) => naive(pieces, text))
      if (index !== -1) matched += 1
      assert.equal(createMatcher(alternatives, false).match(text), index)
    }),
    { numRuns: 2000, seed: 1 },
  )
  assert.ok(matched > 200)
})

test('no text makes reading throw, and what is read matches without throwing', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('*', '?', '[', ']', '{', '}', '!', '^', '\\', ',', '-', 'a', '1', '.', ' ') }),
  )
  fc.assert(
    fc.property(text, fc.string(), (pattern, tag) => {
      const parsed = parsePattern(pattern)
      if ('fault' in parsed) assert.match(parsed.fault, /\n/)
      else assert.equal(typeof matches(parsed.pattern, tag, exact), 'boolean')
    }),
    { numRuns: 1000, seed: 1 },
  )
})

test('hostile patterns read each character once, the last one twice, at a bounded price', () => {
  const hostile = [
    '*a'.repeat(128),
    `${'*a'.repeat(127)}b`,
    `*${'a'.repeat(254)}b`,
    '?*'.repeat(128),
    `*${'[!b]'.repeat(60)}b`,
    Array(60).fill('*ab').join(','),
    '{a,b}{a,b}{a,b}{a,b}{a,b}*a*a*a*b',
  ]
  for (const text of hostile) {
    const { pattern } = read(text)
    const matcher = createMatcher(pattern.includes, false)
    const places = pattern.includes.reduce((sum, { pieces }) => sum + pieces.length + 1, 0)
    assert.ok(matcher.words <= Math.ceil(places / 32), text)
    for (const length of [10, 100, 1000, 10_000]) {
      let steps = 0
      // Ends as all of them do, so that none is told apart by that.
      const counted = { length, charCodeAt: (at: number) => ((steps += 1), at === length - 1 ? 98 : 97) }
      matcher.match(counted)
      // Nothing of these ends a walk over the same letter early, so this is the worst case.
      assert.ok(steps <= length + 1, `${text} took ${steps} steps for ${length} characters`)
    }
  }
})
