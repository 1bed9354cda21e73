/** Two replicas on PostgreSQL: a webhook that one takes is a hint at both. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { startPostgres } from '../../../../tests/parts/postgres.ts'
import { openPostgresJournal } from '../../../database/postgres/journal.ts'
import { engineTables } from '../../../engine/tables.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { imageHookEvents, imageTables } from '../tables.ts'
import * as from from './testing/deliveries.ts'
import { hooksGround } from './testing/hooks-ground.ts'

const hooks = { gitea: { type: 'gitea', registry: 'forge', secrets: [from.secret] } }
const rounds = 20
const bound = 20_000

async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + bound
  while (!what()) {
    assert.ok(performance.now() < end, 'waited too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test(
  'whichever replica takes a webhook, both learn of it, once',
  { skip: skipWithout('postgres', 'initdb') },
  async () => {
    const server = await startPostgres()
    try {
      const url = await server.createDatabase()
      const options = { url, tables: [...engineTables, ...imageTables], clock: systemClock, logger: silentLogger }
      const journals = [await openPostgresJournal(options), await openPostgresJournal(options)] as const
      const grounds = journals.map((journal) => hooksGround({ hooks, journal, clock: systemClock }))
      try {
        await Promise.all(grounds.map((one) => one.hooks.start()))
        // Each is sent to both at once: who is first differs.
        for (let n = 0; n < rounds; n += 1) {
          const sent = from.fromGitea({ id: `n${n}`, version: `v${n}` })
          const answers = await Promise.all(grounds.map((one) => one.post('gitea', sent)))
          assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202])
        }
        await until(() => grounds.every(({ hints }) => hints.length >= rounds))
        const expected = Array.from({ length: rounds }, (_, n) => `forge/team/shop:v${n}`).toSorted()
        for (const { hints } of grounds) assert.deepEqual(hints.toSorted(), expected)
        assert.equal((await journals[0].select(imageHookEvents)).length, rounds)
      } finally {
        await Promise.allSettled(grounds.map((one) => one.hooks.close()))
        await Promise.allSettled(journals.map((journal) => journal.close()))
      }
    } finally {
      await server.stop()
    }
  },
)
