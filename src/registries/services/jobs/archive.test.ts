import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createHttp } from '../../../connectors/http/client.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { archiveJob } from './archive.ts'
import { folderExporter, urlExporter, type Exporter } from './export.ts'
import { day, openHouse, type House } from './testing/house.ts'

type Line = Record<string, unknown>
const linesOf = (bytes: Uint8Array) =>
  gunzipSync(bytes)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

async function scratch(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'regista-archive-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function exported(folder: string): Promise<Line[][]> {
  const names = (await readdir(folder)).toSorted()
  return await Promise.all(names.map(async (name) => linesOf(await readFile(join(folder, name)))))
}

/** Keeps what was written, by name. */
function memoryExporter(before: () => void = () => {}) {
  const files = new Map<string, Line[]>()
  const exporter: Exporter = {
    write(name, lines) {
      before()
      const parsed = lines.trimEnd().split('\n')
      files.set(
        name,
        parsed.map((line) => JSON.parse(line) as Line),
      )
      return Promise.resolve(name)
    },
  }
  return { files, exporter }
}

const job = (house: House, exporter: Exporter, perFile?: number) =>
  archiveJob({ ...house, exporter, config: house.config.jobs.archive, ...(perFile !== undefined && { perFile }) })

/** A poller, an agent and a checker, silent and inactive for 90 days. */
async function silentHouse() {
  const house = await openHouse()
  await house.register('poller/p', 'agent/a < p', 'checker/c < a')
  await house.hear('checker/c', 'agent/a', 'poller/p')
  for (const name of ['checker/c', 'agent/a', 'poller/p']) await house.transit(name, 'deactivate')
  await house.clock.advance(90 * day)
  return house
}

describe('archiving', () => {
  it('defect 10: exports and revokes all three types', async (t) => {
    const house = await silentHouse()
    const folder = await scratch(t)
    const { seq: position } = await house.journal.head()
    const result = await house.run(job(house, folderExporter(folder)))
    assert.deepEqual([result['due'], result['archived'], result['skipped']], [3, 3, 0])
    for (const name of ['poller/p', 'agent/a', 'checker/c']) assert.equal(house.statusOf(name), 'revoked')
    const today = new Date(house.clock.now()).toISOString().slice(0, 10)
    assert.deepEqual(await readdir(folder), [`services-${today}-${position}.jsonl.gz`])
    const [lines] = await exported(folder)
    const checker = lines!.find((line) => line['service_id'] === 'c')!
    assert.deepEqual(checker['parents'], ['agent/a', 'poller/p'])
    assert.deepEqual([checker['status'], checker['checker_kind']], ['inactive', 'snmp'])
    assert.ok(Date.parse(String(checker['last_seen'])) === house.clock.now() - 90 * day)
    const told = await house.told('archived')
    assert.equal(told.length, 3)
    assert.ok(told.every(({ actor, reason }) => actor === 'job:archive' && reason === 'service-long-inactive'))
    assert.ok(told.every(({ data }) => String(data['file']).startsWith(folder) && data['to'] === 'revoked'))
    assert.equal((await house.run(job(house, folderExporter(folder))))['due'], 0)
  })

  it('does nothing before its time, nor in a dry run', async () => {
    const house = await silentHouse()
    const { files, exporter } = memoryExporter()
    const dry = await house.run(job(house, exporter), { dryRun: true })
    assert.deepEqual([dry['due'], dry['archived'], files.size], [3, 0, 0])
    await house.hear('agent/a')
    await house.transit('agent/a', 'deactivate')
    assert.equal((await house.run(job(house, exporter)))['archived'], 2)
    assert.equal(house.statusOf('agent/a'), 'inactive')
  })

  it('archives nothing where the export failed', async (t) => {
    const house = await silentHouse()
    const folder = await scratch(t)
    await writeFile(join(folder, 'file'), '')
    const below = folderExporter(join(folder, 'file'))
    await assert.rejects(house.run(job(house, below)))
    assert.equal(house.statusOf('poller/p'), 'inactive')
    assert.deepEqual(await house.told('archived'), [])
  })

  it('cut off after the export, exports again and tells of each once', async () => {
    const house = await silentHouse()
    const { files, exporter } = memoryExporter()
    const cut = () => {
      throw new AppError('journal.fenced', 'killed here')
    }
    await assert.rejects(house.run(job(house, exporter), { fence: cut }), { code: 'journal.fenced' })
    assert.equal(files.size, 1)
    assert.equal(house.statusOf('poller/p'), 'inactive')
    await house.run(job(house, exporter))
    assert.equal(files.size, 1, 'the same position: the same file')
    assert.equal([...files.values()].flat().length, 3)
    assert.equal((await house.told('archived')).length, 3)
  })

  it('cut off half way, keeps the first files and goes on with the others', async () => {
    const house = await silentHouse()
    const { files, exporter } = memoryExporter()
    const cut = new AbortController()
    let writes = 0
    const stopping: Exporter = {
      write(...asked) {
        writes += 1
        if (writes === 2) cut.abort(new AppError('aborted', 'stopped'))
        return exporter.write(...asked)
      },
    }
    await assert.rejects(house.run(job(house, stopping, 1), { signal: cut.signal }), { code: 'aborted' })
    assert.equal((await house.told('archived')).length, 1)
    await house.run(job(house, exporter, 1))
    const ids = [...files.values()].flat().map((line) => line['service_id'])
    assert.deepEqual(new Set(ids), new Set(['a', 'c', 'p']))
    assert.equal((await house.told('archived')).length, 3)
  })

  it('leaves alone what came back while it was exported', async () => {
    const house = await silentHouse()
    let heard: Promise<void> = Promise.resolve()
    const { exporter } = memoryExporter()
    const slow: Exporter = {
      async write(...asked) {
        heard = house.hear('agent/a')
        await heard
        return await exporter.write(...asked)
      },
    }
    const result = await house.run(job(house, slow))
    assert.deepEqual([result['archived'], result['skipped']], [2, 1])
    assert.equal(house.statusOf('agent/a'), 'active')
  })
})

describe('what changed while it was exported', () => {
  it('is exported anew before it is archived', async () => {
    const house = await silentHouse()
    const { files, exporter } = memoryExporter()
    const slow: Exporter = {
      async write(...asked) {
        const by = { actor: 'token:admin' }
        await house.registrations.edit(house.slotOf('agent/a'), { metadata: { site: 'ber' } }, by, house.clock.now())
        return await exporter.write(...asked)
      },
    }
    assert.equal((await house.run(job(house, slow)))['archived'], 2)
    assert.equal(house.statusOf('agent/a'), 'inactive')
    assert.equal((await house.run(job(house, exporter)))['archived'], 1)
    const last = [...files.values()].at(-1)
    assert.deepEqual(
      last?.map(({ service_id: id, metadata }) => [id, metadata]),
      [['a', { site: 'ber' }]],
    )
  })
})

describe('the export to a server', () => {
  async function listen(t: TestContext, answers: readonly number[]) {
    const took: { path: string; authorization: string | undefined; body: Buffer }[] = []
    const server = createServer((request: IncomingMessage, reply) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const { url = '', headers } = request
        took.push({ path: url, authorization: headers.authorization, body: Buffer.concat(parts) })
        reply.writeHead(answers[took.length - 1] ?? 500).end()
      })
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const http = createHttp({ clock: systemClock, userAgent: 'test' })
    t.after(async () => {
      await http.close()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    return { took, http, at: `127.0.0.1:${port}` }
  }

  const instant = { ...systemClock, sleep: () => Promise.resolve() }
  const { signal } = new AbortController()

  it('puts the file, and tries again while the server is in trouble', async (t) => {
    const { took, http, at } = await listen(t, [503, 429, 201])
    const exporter = urlExporter(`http://me:pa%20ss@${at}/kept?sig=1`, { http, clock: instant, random: () => 0.5 })
    const place = await exporter.write('services-x.jsonl.gz', '{"a":1}\n', signal)
    assert.equal(place, `http://${at}/kept/services-x.jsonl.gz`)
    assert.equal(took.length, 3)
    assert.equal(took[2]?.path, '/kept/services-x.jsonl.gz?sig=1')
    assert.equal(took[2]?.authorization, `Basic ${btoa('me:pa ss')}`)
    assert.deepEqual(linesOf(took[2]!.body), [{ a: 1 }])
  })

  it('gives up where it is refused, after five tries, or when nobody is there; and names no secret', async (t) => {
    const { took, http, at } = await listen(t, [403])
    const to = (url: string) => urlExporter(url, { http, clock: instant, random: () => 0.5 })
    await assert.rejects(to(`http://me:secret@${at}/`).write('n', 'x', signal), (error: AppError) => {
      return error.code === 'target.refused' && error.message.includes('403') && !error.message.includes('secret')
    })
    assert.equal(took.length, 1)
    await assert.rejects(to(`http://${at}`).write('n', 'x', signal), { code: 'target.unavailable' })
    assert.equal(took.length, 6)
    await assert.rejects(to('http://127.0.0.1:1').write('n', 'x', signal), { code: 'target.unavailable' })
  })
})
