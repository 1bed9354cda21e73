import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AppError } from './errors.ts'
import { nextLink, positionOf } from './page.ts'

const path = '/api/v1/things'
const cursorOf = (link: string) => new URL(link, 'http://x').searchParams.get('cursor')!

const query = fc.dictionary(
  fc.constantFrom('sync', 'key', 'state'),
  fc.oneof(fc.string(), fc.boolean(), fc.array(fc.string(), { minLength: 1 })),
)
const position = fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 3 })

test('a cursor gives its position back, whatever the limit', () => {
  fc.assert(
    fc.property(query, position, fc.integer({ min: 1 }), (asked, at, limit) => {
      const cursor = cursorOf(nextLink(path, { ...asked, limit }, at))
      assert.deepEqual(positionOf(path, { ...asked, limit: 7, cursor }), at)
    }),
  )
})

test('a cursor of another query, or no cursor at all, is refused', () => {
  const cursor = cursorOf(nextLink(path, { limit: 5, sync: 'a' }, ['k']))
  const refused = (thrown: unknown) => thrown instanceof AppError && thrown.code === 'request.invalid'
  assert.throws(() => positionOf(path, { limit: 5, sync: 'b', cursor }), refused)
  assert.throws(() => positionOf(path, { limit: 5, cursor }), refused)
  assert.throws(() => positionOf(`${path}2`, { limit: 5, sync: 'a', cursor }), refused)
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.throws(() => positionOf(path, { limit: 5, cursor: text }), refused)
    }),
  )
  const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [binding] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string]
  for (const value of [{}, [binding, {}], [binding, null], 'x', [binding, ['a']]]) {
    assert.throws(() => positionOf(path, { limit: 5, sync: 'a', cursor: forged(value) }), refused)
  }
})

test('the next link asks the same question', () => {
  const link = nextLink(path, { limit: 5, sync: 'a&b=c', state: ['x', 'y'] }, ['k'])
  const { searchParams } = new URL(link, 'http://x')
  assert.deepEqual(
    [searchParams.get('limit'), searchParams.get('sync'), searchParams.getAll('state')],
    ['5', 'a&b=c', ['x', 'y']],
  )
})
