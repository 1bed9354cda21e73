import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Within } from '../../../kernel/route.ts'
import type { Speaker } from './access.ts'
import type { Arrival } from '../../../server/arrival.ts'
import { guardOf, pathsOf } from './routes.ts'

const access = ({ headers: { authorization } }: Arrival): Speaker => {
  if (authorization === undefined) throw new AppError('request.unauthenticated', 'who?')
  return { name: 'token', cluster: authorization === '*' ? null : authorization }
}
const common = { method: 'GET', role: 'viewer' } as const
const as = (within: Within | undefined, authorization?: string, given: typeof access | null = access) =>
  guardOf(given)({ ...common, ...(within !== undefined && { within }) })({ headers: { authorization } } as Arrival, {
    cluster: 'dev',
  }).caller.subject

test('a token for one cluster opens what is its own, and no route that says nothing of that', () => {
  assert.deepEqual([as('own', 'dev'), as({ subject: 'cluster' }, 'dev')], ['dev', 'dev'])
  assert.deepEqual([as(undefined, '*'), as('filtered', '*'), as({ subject: 'cluster' }, '*')], [null, null, null])
  for (const within of [undefined, 'filtered', { sync: 'cluster' }, { kv: 'cluster' }] as const) {
    assert.throws(() => as(within, 'dev'), { code: 'request.forbidden' }, JSON.stringify(within))
  }
  assert.throws(() => as({ subject: 'cluster' }, 'prod'), { code: 'request.forbidden' })
  assert.throws(() => as('own'), { code: 'request.unauthenticated' })
  assert.equal(as(undefined, undefined, null), null)
  const open = guardOf(access)({ method: 'GET', role: 'public' })
  assert.equal(open({ headers: {} } as Arrival, {}).caller.name, 'anonymous')
})

test('paths of routes, and no others', () => {
  const at = (path: string) => route({ ...common, path, tag: 't', summary: 's', handle: () => Promise.resolve({}) })
  const has = pathsOf([at('/a.b'), at('/c/:cluster/snapshot'), at('/s/:cluster/*')])
  for (const path of ['/a.b', '/c/x%2Fy/snapshot', '/s/x/y', '/s/x/y/z']) assert.ok(has(path), path)
  for (const path of ['/axb', '/a.b/', '/c//snapshot', '/c/x/y/snapshot', '/s/x/', '/s/x', '/'])
    assert.ok(!has(path), path)
})
