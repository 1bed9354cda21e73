/** Two processes on one PostgreSQL database, in real time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openPostgresJournal } from '../../../database/postgres/journal.ts'
import type { Journal } from '../../../engine/journal.ts'
import { systemClock as clock } from '../../../kernel/clock.ts'
import { silentLogger as logger } from '../../../kernel/logger.ts'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../../../tests/parts/postgres.ts'
import { ServicesConfig } from '../config.ts'
import { createRoster } from '../roster/create.ts'
import { livenessLog } from '../tables.ts'
import { createLiveness } from './create.ts'
import type { Liveness } from './liveness.ts'
import { plainBeat, serviceRow } from './testing.ts'

const count = 3_000

describe('liveness of replicas on PostgreSQL', { skip: skipWithout('postgres', 'initdb'), timeout: 120_000 }, () => {
  let server: PostgresServer
  const journals: Journal[] = []
  before(async () => {
    server = await startPostgres()
  })
  after(async () => {
    await Promise.all(journals.map((journal) => journal.close()))
    await server?.stop()
  })

  it('is known to all within seconds, and the log stays small', async () => {
    const url = await server.createDatabase()
    const open = async (writer: string): Promise<Liveness> => {
      const journal = await openPostgresJournal({ url, tables: [livenessLog], clock, logger })
      journals.push(journal)
      const roster = createRoster()
      for (let n = 0; n < count; n += 1) roster.learn({ ...serviceRow('agent', `agent-${n}`), seq: n + 1 })
      const config = ServicesConfig.parse({})
      const liveness = createLiveness({ roster, config, journal, clock, logger, writer, slack: 50_000 })
      await liveness.load()
      liveness.start()
      return liveness
    }
    const one = await open('one')
    const two = await open('two')
    const beat = { ...plainBeat, boot: 'x', healthy: true }
    for (let slot = 0; slot < count; slot += 1) {
      ;[one, two][slot % 2]!.heard(slot, { ...beat, sequence: slot }, clock.now())
    }
    await until(() => everybody((slot) => one.lastSeen(slot) > 0 && one.lastSeen(slot) === two.lastSeen(slot)))
    assert.equal(two.heard(2, { ...beat, sequence: 2 }, clock.now()), 'repeated')
    assert.equal(one.heard(3, { ...beat, sequence: 3 }, clock.now()), 'repeated')

    // Written anew by whoever has the lease: numbers begin above those that there were.
    const numbers = async () => (await journals[0]!.select(livenessLog, { without: ['body'] })).filter(({ n }) => n > 0)
    await until(async () => {
      for (let slot = 0; slot < count; slot += 1) one.heard(slot, plainBeat, clock.now())
      await clock.sleep(200)
      return (await numbers()).every(({ n }) => n > 2)
    })
    await Promise.all([one.stop(), two.stop()])
    const three = await open('three')
    assert.ok(everybody((slot) => three.lastSeen(slot) === one.lastSeen(slot) && three.seen(slot).healthy === true))
    await three.stop()
  })
})

function everybody(test: (slot: number) => boolean): boolean {
  for (let slot = 0; slot < count; slot += 1) if (!test(slot)) return false
  return true
}

async function until(test: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = clock.now() + 50_000; !(await test()); await clock.sleep(50)) {
    assert.ok(clock.now() < end, 'it took too long')
  }
}
