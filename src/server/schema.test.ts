import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z, type ZodType } from 'zod'
import { createValidators, jsonSchemaOf } from './schema.ts'

const check = (schema: ZodType, value: unknown) => createValidators().of(schema, 'body')(value)

test('rules that JSON Schema cannot say are refused when the route is mounted', () => {
  const hidden: ZodType[] = [
    z.object({ a: z.string().transform(Number) }),
    z.object({ a: z.string().refine((text) => text !== 'x') }),
    z.object({ a: z.coerce.number() }),
    z.object({ a: z.array(z.object({ b: z.string().trim() })) }),
    z.object({ a: z.preprocess(Number, z.number()) }),
    z.object({ a: z.string().pipe(z.string()) }),
    z.object({ a: z.string() }).superRefine(() => {}),
    z.union([z.string(), z.object({ a: z.string().toLowerCase() })]),
    z.date(),
  ]
  for (const [at, schema] of hidden.entries()) assert.throws(() => jsonSchemaOf(schema, 'input'), Error, `${at}`)
})

test('unknown fields are refused at every depth, unless the schema is open', () => {
  const schema = z.object({ a: z.array(z.object({ b: z.int() })), open: z.looseObject({}).optional() })
  assert.deepEqual(check(schema, { a: [{ b: 1 }], open: { any: 1 } }), [])
  assert.deepEqual(check(schema, { a: [{ b: 1, c: 2 }] }), [{ in: 'body', pointer: '/a/0/c', detail: 'is not known' }])
  assert.deepEqual(check(schema, {}), [{ in: 'body', pointer: '/a', detail: 'is missing' }])
})

test('defaults are filled in, a body that may be absent may be', () => {
  const value = {}
  assert.deepEqual(check(z.object({ a: z.int().default(3) }), value), [])
  assert.deepEqual(value, { a: 3 })
  assert.deepEqual(check(z.object({ a: z.int() }).optional(), undefined), [])
  assert.equal(check(z.object({ a: z.int() }), undefined).length, 1)
})

test('a flood of faults is cut off', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`f${at}`, 1]))
  assert.equal(check(z.object({}), many).length, 50)
})

test('answers are described as they may grow, requests as they must be', () => {
  const schema = z.object({ a: z.int() })
  assert.equal(jsonSchemaOf(schema, 'input')['additionalProperties'], false)
  assert.ok(!('additionalProperties' in jsonSchemaOf(schema, 'output')))
})
