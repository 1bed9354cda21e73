/** Webhooks over a real server: what is told to nobody, and a real registry that sends them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../../../../tests/parts/docker-registry.ts'
import { findPart, skipWithout } from '../../../../tests/parts/find.ts'
import { imageOf, indexOf, layerOf } from '../../../../tests/parts/images.ts'
import { layoutShelf } from '../../../../tests/parts/shelves.ts'
import { openSqliteJournal } from '../../../database/sqlite/journal.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { createLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import { serve, serverTables } from '../../../server/testing/serve.ts'
import { measureHooks } from '../metrics.ts'
import { imageTables } from '../tables.ts'
import { hooks as hooksSchema } from './config.ts'
import { createHooks } from './hooks.ts'
import * as from from './testing/deliveries.ts'
import { homes, stageOf } from './testing/hooks-ground.ts'

const id = 'a0b1c2d3e4f5a0b1c2d3e4f5'
const config = {
  gitea: { type: 'gitea', registry: 'forge', secrets: [from.oldSecret, from.secret] },
  hub: { type: 'dockerhub', registry: 'hub', id },
  mirror: { type: 'distribution', registry: 'mirror', header: { values: [from.token] } },
}

interface Hint {
  readonly place: string
  readonly tag: string | null
  readonly at: number
}

async function site() {
  const folder = await mkdtemp(join(tmpdir(), 'regista-hooks-'))
  const metrics = createMetrics()
  let log = ''
  const to = new Writable({
    write(chunk, _encoding, done) {
      log += String(chunk)
      done()
    },
  })
  const logger = createLogger({ level: 'debug', to })
  const tables = [...serverTables, ...imageTables]
  const journal = await openSqliteJournal({ path: join(folder, 'state.db'), tables, clock: systemClock, logger })
  const hints: Hint[] = []
  let broken = false
  const stages = homes.map(({ name }) => stageOf({ stage: name, registry: name }))
  let ids = 0
  const hooks = createHooks({
    settings: hooksSchema.parse(config),
    home: (registry) => homes.find(({ name }) => name === registry) ?? null,
    stages() {
      if (broken) throw new TypeError('broken on purpose')
      return stages
    },
    hint: ({ registry, image }, tag) => hints.push({ place: `${registry}/${image}`, tag, at: performance.now() }),
    journal,
    clock: systemClock,
    logger,
    newId: () => `id-${(ids += 1)}`,
    measure: measureHooks(metrics),
  })
  const served = await serve({ journal, logger, routes: hooks.routes })
  return {
    hooks,
    served,
    hints,
    metrics,
    log: () => log,
    break: (is: boolean) => void (broken = is),
    async files() {
      const names = await readdir(folder)
      const all = await Promise.all(names.map((name) => readFile(join(folder, name))))
      return Buffer.concat(all).toString('latin1')
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      await hooks.close()
      await journal.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test('acceptance 13: no secret and no address of a hook is in a log, an answer, the ledger, a metric or a list', async () => {
  await using ground = await site()
  const { served } = ground
  const told: string[] = []
  const statuses = new Set<number>()
  async function send(path: string, { headers, body }: Partial<from.Sent>, method = 'POST'): Promise<number> {
    const bytes = body === undefined ? null : Uint8Array.from(body)
    const reply = await served.call(path, { method, headers: headers ?? {}, body: bytes })
    told.push(JSON.stringify([...reply.headers]), await reply.text())
    statuses.add(reply.status)
    return reply.status
  }
  const gitea = from.fromGitea()
  assert.equal(await send('/webhooks/gitea', gitea), 202)
  assert.equal(await send(`/webhooks/${id}`, from.fromDockerHub()), 202)
  assert.equal(await send('/webhooks/mirror', from.fromDistribution([{ id: '1', tag: 'v1' }])), 202)
  assert.equal(await send('/webhooks/gitea', { headers: gitea.headers, body: Buffer.from('{}') }), 401)
  assert.equal(await send('/webhooks/mirror', from.fromDistribution([], `${from.token}0`)), 401)
  assert.equal(await send('/webhooks/mirror', from.fromHarbor()), 202)
  for (const path of [`${id}0`, `${id}/`, `${id}/x`, `%2e%2e/${id}`, id.toUpperCase()]) {
    assert.equal(await send(`/webhooks/${path}`, from.fromDockerHub()), 404, path)
  }
  for (const path of [
    `/Webhooks/${id}`,
    `/hooks/webhooks/${id}`,
    `/%77ebhook%73/${id}/x`,
    `/webhooks%2f${id}`,
    `//webhooks/${id}`,
  ]) {
    assert.equal(await send(path, from.fromDockerHub()), 404, path)
  }
  assert.equal(await send(`/webhooks/${id}`, {}, 'GET'), 405)
  assert.equal(await send(`/webhooks/${id}?id=${id}`, from.fromDockerHub()), 400)
  assert.equal(await send(`/webhooks/${id}%`, from.fromDockerHub()), 400)
  assert.equal(await send(`/webhooks/${id}`, { body: Buffer.from(`not JSON ${id}`) }), 400)
  assert.equal(await send(`/webhooks/${id}`, { body: Buffer.alloc((1 << 20) + 1, 'x') }), 413)
  ground.break(true)
  assert.equal(await send(`/webhooks/${id}`, from.fromDockerHub()), 500)
  ground.break(false)
  for (let n = 0; n < 110; n += 1) await send(`/webhooks/${id}`, from.fromDockerHub('team/shop', `v${n}`))
  for (const path of ['/metrics', '/openapi.json', '/api/v1/events?limit=500']) await send(path, {}, 'GET')

  assert.deepEqual(
    [...statuses].toSorted((a, b) => a - b),
    [200, 202, 400, 401, 404, 405, 413, 429, 500],
  )
  const logged = ground.log()
  assert.match(logged, /a webhook was not taken/)
  assert.match(logged, /broken on purpose/)
  const everything = {
    log: logged,
    answers: told.join('\n'),
    ledger: await ground.files(),
    metrics: await ground.metrics.text(),
    lists: JSON.stringify([ground.hooks.describe(), ground.hooks.recent()]),
  }
  assert.match(everything.ledger, /webhook\.taken/)
  assert.match(everything.answers, /webhook\.taken/)
  assert.match(everything.metrics, /hook="hub",outcome="accepted"/)
  for (const [where, text] of Object.entries(everything)) {
    for (const hidden of [id, id.toUpperCase(), from.secret, from.oldSecret, from.token]) {
      assert.ok(
        !text.includes(hidden),
        `${where}: ${text.slice(Math.max(0, text.indexOf(hidden) - 80), text.indexOf(hidden))}`,
      )
    }
  }
})

const run = promisify(execFile)
const bound = 20_000

async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + bound
  while (!what()) {
    assert.ok(performance.now() < end, 'waited too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test(
  'a real registry tells of what skopeo pushes, within a second; and pulls are nothing to us',
  { skip: skipWithout('docker-registry', 'skopeo'), timeout: 60_000 },
  async (context) => {
    await using ground = await site()
    const { hints, hooks } = ground
    const url = `${ground.served.addresses.url}/webhooks/mirror`
    await using registry = await startDockerRegistry({ notify: { url, headers: { Authorization: from.token } } })
    const folder = await mkdtemp(join(tmpdir(), 'regista-layout-'))
    try {
      const layer = await layerOf([{ name: 'version', content: 'one' }])
      const built = (architecture: string) => ({ os: 'linux', architecture })
      const index = indexOf(
        ['amd64', 'arm64'].map((one) => ({ image: imageOf([layer], { platform: built(one) }), platform: built(one) })),
      )
      await layoutShelf(folder).put('shop', 'v1', index)
      const skopeo = (...args: string[]) => run(findPart('skopeo')!, ['--insecure-policy', ...args], { timeout: bound })
      const image = `docker://${registry.host}/team/shop:v1`
      const push = () => skopeo('copy', '--all', '--dest-tls-verify=false', `oci:${folder}/shop:v1`, image)
      await push()
      const pushed = performance.now()
      await until(() => hints.length > 0)
      const late = hints[0]!.at - pushed
      assert.ok(late < 1_000, `${late} ms`)
      context.diagnostic(`hint ${late.toFixed(1)} ms after skopeo ended`)
      const counts = () => hooks.describe().find(({ name }) => name === 'mirror')!.counts
      const before = counts().ignored
      await skopeo('inspect', '--tls-verify=false', image)
      await until(() => counts().ignored > before)
      assert.deepEqual([hints.length, counts().accepted, counts().refused, counts().invalid], [1, 1, 0, 0])
      assert.deepEqual([hints[0]!.place, hints[0]!.tag], ['mirror/team/shop', 'v1'])
      await registry.untag('team/shop', 'v1')
      await push()
      await until(() => hints.length > 1)
      assert.equal(counts().accepted, 2)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
