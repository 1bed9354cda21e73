import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import { engineTables } from '../../engine/tables.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import type { Caller } from '../../kernel/route.ts'
import type { Table } from '../../kernel/table.ts'
import { builderRoutes } from './routes-builders.ts'
import type { OpenBuilder } from './targets.ts'

const everybody: Caller = { name: 'test', role: 'viewer', scopes: null, subject: null }

async function ask(builders: readonly OpenBuilder[], query: { sync?: string } = {}, caller = everybody) {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: engineTables as unknown as readonly Table[] })
  const leases = () => [
    { lease: 'ns/odd', holder: 'x y', state: 'malformed', detail: 'its holder is no address' } as const,
  ]
  const syncs = new Map([['docs', { builders: () => builders, leases }]])
  const [route] = builderRoutes({ journal, syncs })
  const { signal } = new AbortController()
  const reply = await route!.handle({
    params: {},
    query,
    body: undefined,
    bytes: Buffer.alloc(0),
    caller,
    headers: {},
    signal,
  })
  return reply.body as { builders: Record<string, unknown>[]; leases: unknown[] }
}

test('builders, what others put there, and leases that name none', async () => {
  const seen = new Map([['alien', new Map([['alpha', 'v9']])]])
  const one: OpenBuilder = { target: 'b/one', address: 'one:8081', seen: () => seen }
  const two: OpenBuilder = { target: 'b/two', address: 'two:8081', seen: () => null }
  const { builders, leases } = await ask([one, two])
  assert.deepEqual(
    builders.map(({ target, state, foreign }) => ({ target, state, foreign })),
    [
      { target: 'b/one', state: 'new', foreign: [{ module: 'alien', channel: 'alpha', version: 'v9' }] },
      { target: 'b/two', state: 'new', foreign: null },
    ],
  )
  assert.deepEqual(leases, [
    { sync: 'docs', lease: 'ns/odd', holder: 'x y', state: 'malformed', detail: 'its holder is no address' },
  ])
})

test('only of syncs that are asked for and may be seen', async () => {
  const one: OpenBuilder = { target: 'one', address: 'one:8081', seen: () => null }
  assert.deepEqual(await ask([one], { sync: 'other' }), { builders: [], leases: [] })
  const limited: Caller = { ...everybody, scopes: { syncs: ['else'] } }
  assert.deepEqual(await ask([one], {}, limited), { builders: [], leases: [] })
  await assert.rejects(ask([one], { sync: 'docs' }, limited), /limited to other syncs/)
})
