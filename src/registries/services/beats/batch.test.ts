import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { itemsOf, mostItems, unreadable } from './batch.ts'

const json = 'application/json'
const lines = 'application/x-ndjson'
const read = (text: string, type: string) => itemsOf(Buffer.from(text), type)
const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected

test('a batch is a list, an object that holds one, or lines', () => {
  const items = [{ a: 1 }, 'two', null]
  assert.deepEqual(read(JSON.stringify(items), json), items)
  assert.deepEqual(read(JSON.stringify({ heartbeats: items, other: 1 }), json), items)
  assert.deepEqual(read(items.map((item) => JSON.stringify(item)).join('\n'), lines), items)
  assert.deepEqual(read('{"a":1}\r\n\r\n"two"\n\n null \n', 'application/jsonl'), items)
  assert.deepEqual(read('', lines), [])
})

test('a line that is no JSON is the fault of that item alone', () => {
  assert.deepEqual(read('{"a":1}\n{"a":\n[1\n2]\n{"b":2}', lines), [
    { a: 1 },
    unreadable,
    unreadable,
    unreadable,
    { b: 2 },
  ])
})

test('what is no batch is refused as a whole', () => {
  for (const text of ['', '{', '{"a":1}\n{"a":2}', '7', 'null', '{}', '{"heartbeats":{}}']) {
    assert.throws(() => read(text, json), code('request.invalid'), text)
  }
})

test('more than anybody needs is refused, whatever it came in', () => {
  const items = Array.from({ length: mostItems }, () => 1)
  assert.equal(read(JSON.stringify(items), json).length, mostItems)
  assert.equal(read(items.join('\n'), lines).length, mostItems)
  assert.throws(() => read(JSON.stringify([...items, 1]), json), code('request.too-large'))
  assert.throws(() => read([...items, 1].join('\n'), lines), code('request.too-large'))
})
