import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createCheckpoints } from './checkpoints.ts'
import { connect } from './connection.ts'

test('writes the WAL back beside commits that never pause, and lets it begin anew', { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-checkpoints-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'regista.db')
  const connection = connect(path, { readOnly: false })
  connection.exec('PRAGMA synchronous = OFF')
  connection.exec('CREATE TABLE "row" ("id" INTEGER PRIMARY KEY, "filler" BLOB)')
  const checkpoints = createCheckpoints(path, connection, { begin: 20, few: 2, enough: 40, most: 100 })
  const walBytes = () => statSync(`${path}-wal`).size
  let rows = 0
  const commit = async () => {
    rows += 1
    connection.run('INSERT INTO "row" VALUES (?, randomblob(3000))', [rows])
    checkpoints.committed()
    await turn()
  }
  // All rows need many times the pages that the WAL has when it begins anew: else it would grow with each of them.
  while (rows < 600 || walBytes() > rows * 4000 * 0.5) await commit()
  assert.ok(statSync(path).size > 300 * 3000)
  await checkpoints.stop()
  connection.close()
  checkpoints.close()
  const again = connect(path, { readOnly: true })
  assert.deepEqual(again.get('SELECT count(*), count(DISTINCT "filler") FROM "row"'), [rows, rows])
  assert.deepEqual(again.get('PRAGMA quick_check'), ['ok'])
  again.close()
})
