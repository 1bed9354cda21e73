/**
 * How a watch serves other processes of this command that have the same directory and etcd: HTTP on
 * the Unix socket of its state folder, without the server of `regista serve` and what that costs in memory.
 *
 *   POST /pass    runs a pass; answers lines of JSON as it goes, the last one tells how it ended
 *   GET /health   when the last pass was
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { holderSocket } from '../../../drop-in.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { asAppError, messageOf } from '../../../kernel/errors.ts'
import type { Settings } from './arguments.ts'
import type { Level, Log, Statistics } from './output.ts'
import { sourceIdOf, type Session } from './session.ts'

/** What a process asks for. */
export interface PassWish {
  readonly sync: string
  /** What it would write, had it run by itself. */
  readonly rules: string
  readonly allowDeletes: number | null
  readonly debugs: boolean
}

/** One line of the answer. */
export type PassLine =
  | { readonly level: Level; readonly message: string }
  | { readonly statistics: Statistics; readonly ok: boolean }
  | { readonly error: string }

export interface Health {
  readonly pid: number
  readonly interval: number
  readonly lastPass: Instant | null
}

/** HTTP's "Misdirected Request" and "Conflict". */
export const otherSync = 421
export const otherRules = 409

/** Two processes with other rules would write the same keys in different ways. */
export function rulesOf(settings: Settings): string {
  const { compat, versionSource } = settings
  return `${compat ? '--compat ' : ''}--version-source ${versionSource} --source-id ${sourceIdOf(settings)}`
}

export interface Door {
  close(): void
}

interface DoorOptions {
  readonly folder: string
  readonly sync: string
  readonly settings: Settings
  readonly session: Session
}

/** Rejects where nobody can listen: the path is too long for a socket, the file system has none. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { folder } = options
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(options, request, response).catch((thrown: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(`${JSON.stringify({ error: messageOf(thrown) } satisfies PassLine)}\n`)
    })
  })
  server.maxConnections = 16
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // Only the owner can open it, from the first moment: the mode of a socket is set when it is bound.
    const before = process.umask(0o177)
    try {
      server.listen(holderSocket(folder), resolve)
    } finally {
      process.umask(before)
    }
  })
  return {
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function answer(options: DoorOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { session, settings } = options
  if (request.method === 'GET' && request.url === '/health') {
    const health: Health = { pid: process.pid, interval: settings.interval, lastPass: await session.lastPass() }
    response.end(JSON.stringify(health))
  } else if (request.method === 'POST' && request.url === '/pass') {
    await pass(options, await readWish(request), response)
  } else {
    response.writeHead(404).end()
  }
}

async function readWish(request: IncomingMessage): Promise<PassWish> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > 65_536) throw new Error('the request is too long')
  }
  return JSON.parse(text) as PassWish
}

async function pass({ session, sync, settings }: DoorOptions, wish: PassWish, response: ServerResponse): Promise<void> {
  const tell = (line: PassLine) => void response.write(`${JSON.stringify(line)}\n`)
  response.setHeader('content-type', 'application/x-ndjson')
  const rules = rulesOf(settings)
  const refusal = wish.sync !== sync ? otherSync : wish.rules !== rules ? otherRules : null
  if (refusal !== null) {
    response.writeHead(refusal)
    const what = refusal === otherRules ? `the watch (process ${process.pid}) runs with ${rules}` : 'another sync'
    response.end(JSON.stringify({ error: what } satisfies PassLine))
    return
  }
  const log: Log = Object.assign((level: Level, message: string) => tell({ level, message }), { debugs: wish.debugs })
  const attendance = session.attend({ log, starts: () => {} })
  try {
    const { ok, statistics } = await attendance.pass(wish.allowDeletes)
    tell({ statistics, ok })
  } catch (thrown) {
    tell({ error: asAppError(thrown).message })
  } finally {
    attendance.end()
    response.end()
  }
}
