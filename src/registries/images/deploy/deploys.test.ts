import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { drop, put } from '../../../engine/journal.ts'
import { deliveries, engineTables, type DeliveryRow } from '../../../engine/tables.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { delivery } from '../../../engine/testing/journal-rows.ts'
import type { Json } from '../../../kernel/json.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import type { Table } from '../../../kernel/table.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { createDeploys } from './deploys.ts'

const key = 'shop/production'
const receipt = { tag: 'v1', digest: 'd1', revision: 'd1', at: 1, took: 1, effectId: 'e', previous: null } as Json

test('what is deployed is known as the ledger has it, wherever it is written', async () => {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: engineTables as unknown as readonly Table[] })
  const write = (sync: string, more: Partial<DeliveryRow>) =>
    journal.commit([put(deliveries, delivery(sync, sync, key, more), { type: 'delivery.applied', sync, key })])
  await write('docker', { digest: 'd1', digestLabel: 'v1', receipt })
  await write('other', { digest: 'd9', digestLabel: 'v9' })
  let stage = stageFor()
  const deploys = createDeploys({
    journal,
    clock,
    logger: silentLogger,
    book: { stage: () => stage },
    deployers: ['docker', 'other'],
  })
  await deploys.start()
  assert.deepEqual([deploys.of(key)?.tag, deploys.of(key)?.receipt?.tag], ['v1', 'v1'])
  // Found there by a look: the receipt is of what ran before.
  await write('docker', { digest: 'd2', digestLabel: 'v2', receipt })
  assert.deepEqual(await deploys.read(key), { state: 'applied', revision: 'd2', tag: 'v2', receipt: null })
  await clock.advance(1_000)
  assert.deepEqual(deploys.of(key), await deploys.read(key))
  stage = stageFor(key, { deployer: 'other' })
  assert.equal(deploys.of(key)?.tag, 'v9')
  const at = { sync: 'other', target: 'other', key }
  await journal.commit([drop(deliveries, at, { type: 'delivery.removed', sync: 'other', key })])
  await clock.advance(1_000)
  assert.equal(deploys.of(key), null)
  await clock.drive(deploys.close())
  assert.equal(clock.sleeping, 0)
})
