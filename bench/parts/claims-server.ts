/** The servers that claims.post-… compare. Run with their name and a scratch folder; prints the port. */
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http'
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
import { openDirectPost } from '../../src/commands/drop-in/status-collector/direct-post.ts'
import { createOriginalListener, createOriginalPost } from '../../src/registries/claims/routes/listener.ts'
import { statusRoutes } from '../../src/registries/claims/routes/routes.ts'
import { createStatuses } from '../../src/registries/claims/statuses/statuses.ts'
import { claimClusters, claimStatuses } from '../../src/registries/claims/tables.ts'
import { createServer, ServerSettings, tokens } from '../../src/server/index.ts'

const [which, folder] = process.argv.slice(2) as ['bare' | 'drop-in' | 'serve', string]
const sync = 'bench'

function listen(handler: RequestListener, before: (server: HttpServer) => void = () => {}): Promise<number> {
  const server = createHttpServer(handler)
  before(server)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** Parses the same JSON and answers the same; keeps nothing. */
function bare(): Promise<number> {
  return listen((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => {
      text += part
    })
    request.on('end', () => {
      const body = JSON.parse(text) as { cluster: string; claimRef: string; statusMessage: string }
      const told = body.cluster !== '' && body.claimRef !== '' && body.statusMessage !== ''
      const answer = '{"status":"created"}\n'
      response.writeHead(told ? 201 : 400, { 'content-type': 'application/json', 'content-length': answer.length })
      response.end(answer)
    })
  })
}

async function open() {
  const tables = [...engineTables, ...keyValueTables, tokens, claimStatuses, claimClusters]
  const journal = await openSqliteJournal({ path: join(folder, 'regista.db'), tables, clock, logger })
  const limits = { claims: 1e6, clusters: 1e4, message: 65_536 }
  return { journal, statuses: createStatuses({ sync, journal, limits, since: clock.now() }) }
}

async function dropIn(): Promise<number> {
  const { statuses } = await open()
  const version = { commit: 'none', version: 'bench' }
  const options = { statuses, clock, randomBytes, version, mostBytes: 1 << 20 }
  const direct = { post: createOriginalPost(options), clock, mostBytes: options.mostBytes, secure: false }
  return listen(createOriginalListener(options), (server) => void openDirectPost(server, direct))
}

async function serve(): Promise<number> {
  const { journal, statuses } = await open()
  const noLimit = { rate: 1e9, burst: 1e9 }
  const server = createServer({
    settings: ServerSettings.parse({ port: 0, limits: noLimit }),
    journal,
    engine: { syncs: [] } as unknown as Engine,
    keyValue: createKeyValue({ journal, newId: randomUUID }),
    routes: statusRoutes({ sync, statuses, journal, clock, randomBytes }),
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

process.stdout.write(`${await { bare, 'drop-in': dropIn, serve }[which]()}\n`)
