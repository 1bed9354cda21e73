/** The audit trail of the services registry as a whole program keeps it. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { databaseFile } from '../src/database/holder.ts'
import { scratch } from './parts/scratch.ts'
import { serveServices } from './parts/services.ts'

const changes: Readonly<Record<string, string>> = {
  'an event is edited': `UPDATE "event" SET "actor" = 'somebody else' WHERE "seq" = 2`,
  'an event is removed': `DELETE FROM "event" WHERE "seq" = 2`,
  'the last event is removed': `DELETE FROM "event" WHERE "seq" = (SELECT max("seq") FROM "event")`,
  'two events change places': `UPDATE "event" SET "type" = CASE "seq" WHEN 1 THEN 'service.activated' ELSE 'service.registered' END WHERE "seq" <= 2`,
}

for (const [what, sql] of Object.entries(changes)) {
  test(`I11: it is found out when ${what}`, async () => {
    using at = scratch('server: { port: 0 }\nservices: {}\n')
    {
      await using server = await serveServices(at.folder)
      assert.equal((await server.register('edge-1')).status, 201)
      assert.equal((await server.beat('edge-1')).body.result, 'activated')
      const sound = await server.ask('POST', '/api/admin/services/audit/verify', {})
      assert.equal(sound.body.ok, true)
      await server.serving.stop()
    }
    const file = new DatabaseSync(databaseFile(at.path('regista-state')))
    assert.ok(Number(file.prepare(sql).run().changes) > 0)
    file.close()
    await using server = await serveServices(at.folder)
    const { body } = await server.ask('POST', '/api/admin/services/audit/verify', {})
    assert.equal(body.ok, false, JSON.stringify(body))
  })
}
