/** A real server on a free loopback port over a journal in memory, for tests. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { backup } from '../../database/backup.ts'
import { createKeyValue, keyValueTables } from '../../database/key-value.ts'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import type { Journal } from '../../engine/journal.ts'
import { engineTables } from '../../engine/tables.ts'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import { silentLogger, type Logger } from '../../kernel/logger.ts'
import { createMetrics, type Metrics } from '../../kernel/metrics.ts'
import type { Route } from '../../kernel/route.ts'
import type { Table } from '../../kernel/table.ts'
import { tokens } from '../access/token.ts'
import { createServer, type Addresses, type Server } from '../server.ts'
import { ServerSettings } from '../settings.ts'
import { createFakeEngine, type FakeEngine } from './fake-engine.ts'

export interface Served extends AsyncDisposable {
  readonly server: Server
  readonly addresses: Addresses
  readonly journal: Journal
  readonly engine: FakeEngine
  readonly metrics: Metrics
  /** Scratch, removed at the end. */
  readonly folder: string
  /** What the server printed to its terminal. */
  readonly printed: string[]
  call(path: string, init?: RequestInit): Promise<Response>
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

export interface ServeOptions {
  readonly settings?: Partial<z.input<typeof ServerSettings>>
  readonly journal?: Journal
  readonly routes?: readonly Route[]
  readonly clock?: Clock
  readonly logger?: Logger
  readonly socket?: boolean
  /** Without it the first token goes to a file. */
  readonly terminal?: boolean
  readonly folder?: string
  readonly start?: boolean
  readonly servesFromMemory?: boolean
}

/** What a journal needs for a server to stand on it. */
export const serverTables: readonly Table[] = [...engineTables, ...keyValueTables, tokens]

/** `more`: tables of a registry. */
export function memoryJournal(clock: Clock = systemClock, more: readonly Table[] = []): Journal {
  const tables = [...serverTables, ...more] as unknown as readonly Table<never>[]
  return createMemoryJournal({ clock, tables })
}

export async function serve(options: ServeOptions = {}): Promise<Served> {
  const clock = options.clock ?? systemClock
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'regista-server-')))
  const journal = options.journal ?? memoryJournal(clock)
  const engine = createFakeEngine(['one', 'two'])
  const metrics = createMetrics()
  const printed: string[] = []
  const server = createServer({
    settings: ServerSettings.parse({ port: 0, ...options.settings }),
    journal,
    engine,
    keyValue: createKeyValue({ journal, newId: randomUUID }),
    routes: options.routes ?? [],
    backup: (file) => backup(journal, file),
    metrics,
    logger: options.logger ?? silentLogger,
    clock,
    randomBytes,
    version: '0.0.0-test',
    servesFromMemory: options.servesFromMemory ?? false,
    socket: options.socket === true ? join(folder, 'socket') : null,
    bootstrap: {
      print: options.terminal === true ? (text) => void printed.push(text) : null,
      file: join(folder, 'first-token'),
    },
  })
  const nowhere: Addresses = { url: '', socket: null, metrics: null }
  const clear = async () => {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
  }
  const addresses =
    options.start === false
      ? nowhere
      : await server.start().catch(async (thrown: unknown) => {
          await clear()
          throw thrown
        })
  const call = (path: string, init?: RequestInit) => fetch(addresses.url + path, init)
  return {
    server,
    addresses,
    journal,
    engine,
    metrics,
    folder,
    printed,
    call,
    send: (method, path, body, headers) =>
      call(path, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async [Symbol.asyncDispose]() {
      await server.stop(1000)
      if (options.journal === undefined) await journal.close()
      await clear()
    },
  }
}
