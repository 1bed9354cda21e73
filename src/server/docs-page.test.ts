import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { route } from '../kernel/route.ts'
import { docsPage } from './docs-page.ts'
import { openapiDocument } from './openapi.ts'

const routes = [
  route({
    method: 'PUT',
    path: '/things/:thing/parts/*',
    role: 'operator',
    tag: 'things',
    summary: 'Keep <b>one</b> & "more"',
    params: z.object({ 'thing': z.string(), '*': z.string() }),
    query: z.object({ deep: z.boolean().default(false).meta({ description: 'How <deep>' }) }),
    body: z.object({ a: z.int() }).optional(),
    response: z.object({ b: z.string() }),
    handle: () => Promise.resolve({}),
  }),
]
const document = openapiDocument(routes, '1.2.3')

test('a route as an operation', () => {
  const operation = (document['paths'] as Record<string, { put: Record<string, unknown> }>)[
    '/things/{thing}/parts/{key}'
  ]!.put
  assert.equal(operation['operationId'], 'put-things-thing-parts-key')
  assert.deepEqual(operation['parameters'], [
    { name: 'thing', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'key', in: 'path', required: true, schema: { type: 'string' } },
    {
      name: 'deep',
      in: 'query',
      required: false,
      description: 'How <deep>',
      schema: { type: 'boolean', default: false },
    },
  ])
  assert.equal((operation['requestBody'] as { required: boolean }).required, false)
  assert.deepEqual(operation['security'], [{ token: [] }])
})

test('the page shows every operation, escaped, and runs nothing', () => {
  const page = docsPage(document)
  assert.ok(page.includes('/things/{thing}/parts/{key}'))
  assert.ok(page.includes('Keep &lt;b&gt;one&lt;/b&gt; &amp; &quot;more&quot;'))
  assert.ok(page.includes('How &lt;deep&gt;'))
  assert.ok(!/<script|<b>one|https?:|src=|\son\w+=/i.test(page))
})
