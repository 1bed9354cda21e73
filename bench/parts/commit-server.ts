/** The servers that house.commit-single compares. Run with their name and a scratch folder; prints the port. */
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { backup } from '../../src/database/backup.ts'
import { createKeyValue, keyValueTables } from '../../src/database/key-value.ts'
import { openSqliteJournal } from '../../src/database/sqlite/journal.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { engineTables } from '../../src/engine/tables.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'
import { createMetrics } from '../../src/kernel/metrics.ts'
import { createServer, ServerSettings, tokens } from '../../src/server/index.ts'

const [which, folder, commitDelay] = process.argv.slice(2) as [string, string, string]

/** Parses the same JSON and answers the same; keeps nothing. */
function bare(): Promise<number> {
  let revision = 0
  const server = createHttpServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => {
      text += part
    })
    request.on('end', () => {
      const body = JSON.parse(text) as { value: string }
      revision += body.value.length > 0 ? 1 : 0
      const answer = JSON.stringify({ key: request.url, revision })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      response.end(answer)
    })
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function regista(): Promise<number> {
  const tables = [...engineTables, ...keyValueTables, tokens]
  const path = join(folder, 'regista.db')
  const journal = await openSqliteJournal({ path, tables, clock, logger, commitDelay: Number(commitDelay) })
  const noLimit = { rate: 1e9, burst: 1e9 }
  const server = createServer({
    settings: ServerSettings.parse({ port: 0, limits: noLimit }),
    journal,
    engine: { syncs: [] } as unknown as Engine,
    keyValue: createKeyValue({ journal, newId: randomUUID }),
    routes: [],
    metrics: createMetrics(),
    logger,
    clock,
    randomBytes,
    version: 'bench',
    socket: null,
    backup: (file) => backup(journal, file),
    bootstrap: { print: null, file: join(folder, 'first-token') },
  })
  return Number(new URL((await server.start()).url).port)
}

process.stdout.write(`${await (which === 'bare' ? bare() : regista())}\n`)
