/** A full disk, and a database that is away: heartbeats of those who are known are taken, registrations wait. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../parts/find.ts'
import { until } from '../parts/gitops-sync.ts'
import { startPostgres } from '../parts/postgres.ts'
import { scratch } from '../parts/scratch.ts'
import { serveServices, type ServicesServer } from '../parts/services.ts'
import { makeSmallDisk, skipWithoutMount } from '../parts/small-disk.ts'

/** What holds while nothing can be written. */
async function checkDegraded(server: ServicesServer): Promise<void> {
  let serial = 0
  await until('registrations are refused', async () => {
    const { status, headers, body } = await server.register(`late-${(serial += 1)}`)
    if (status !== 503) return false
    assert.ok(Number(headers.get('retry-after')) > 0, JSON.stringify(body))
    return true
  })
  const { status, body } = await server.beat('edge-1')
  assert.deepEqual([status, body], [200, { result: 'ok' }])
  assert.equal((await server.ask('GET', '/api/services/known/edge-1')).body.known, true)
  await until('readiness says why', async () => {
    const ready = await server.ask('GET', '/readyz')
    assert.equal(ready.status, 200)
    const checks = ready.body.checks as { ok: boolean; detail?: string }[]
    return ready.body.status === 'degraded' && checks.some(({ ok, detail }) => !ok && detail !== undefined)
  })
}

async function checkRecovered(server: ServicesServer): Promise<void> {
  await until('registrations are taken again', async () => (await server.register('after')).status < 300)
  await until('readiness is well again', async () => (await server.ask('GET', '/readyz')).body.status === 'ok')
}

test(
  'a full disk: known services report, registrations wait, and it mends itself',
  { skip: skipWithoutMount },
  async () => {
    const disk = makeSmallDisk(16)
    try {
      using at = scratch(`server: { port: 0 }\nstate: ${disk.folder}/state\nservices: {}\n`)
      await using server = await serveServices(at.folder)
      assert.equal((await server.register('edge-1')).status, 201)
      assert.equal((await server.beat('edge-1')).body.result, 'activated')
      disk.fill()
      await checkDegraded(server)
      disk.free()
      await checkRecovered(server)
    } finally {
      disk.remove()
    }
  },
)

test(
  'the database is away: known services report, registrations wait, and it mends itself',
  { skip: skipWithout('postgres', 'initdb') },
  async () => {
    const postgres = await startPostgres()
    try {
      const database = await postgres.createDatabase()
      using at = scratch(JSON.stringify({ server: { port: 0 }, database, state: 'state', services: {} }))
      await using server = await serveServices(at.folder)
      assert.equal((await server.register('edge-1')).status, 201)
      assert.equal((await server.beat('edge-1')).body.result, 'activated')
      await postgres.down()
      await checkDegraded(server)
      await postgres.up()
      await checkRecovered(server)
      assert.equal(await server.statusOf('edge-1'), 'active')
    } finally {
      await postgres.stop()
    }
  },
)
