import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { everyRoute, openapiText, published } from '../scripts/openapi.ts'

type Operation = {
  operationId: string
  parameters?: { name: string; in: string }[]
  responses: object
}

const document = JSON.parse(await openapiText()) as { paths: Record<string, Record<string, Operation>> }
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('docs/openapi.json is what is served', async () => {
  assert.equal(readFileSync(published, 'utf8'), await openapiText(), 'write it anew: npm run openapi')
})

test('every route is an operation, each with a name of its own', async () => {
  assert.ok(operations.length > 25, `only ${operations.length} operations seen`)
  assert.equal(operations.length, (await everyRoute()).length)
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)
})

test('every parameter of a path is described, and no other', () => {
  for (const { path, method, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const described = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name)
    assert.deepEqual(new Set(described), new Set(named), `${method} ${path}`)
  }
})

test('every reference leads somewhere', () => {
  let seen = 0
  JSON.stringify(document, (name, value: unknown) => {
    if (name === '$ref') {
      seen += 1
      const found = String(value)
        .slice(2)
        .split('/')
        .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document)
      assert.ok(found, `${String(value)} leads nowhere`)
    }
    return value
  })
  assert.ok(seen > 0)
})
