/**
 * Requests to one engine, over its socket or TCP: deadlines, bounded bodies, and the version of its API that both
 * speak in each path.
 */
import { Pool, type Dispatcher } from 'undici'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import { engineError, networkError, statusError, type Asked } from './errors.ts'
import { chooseVersion, type Spoken } from './version.ts'

export type EngineAddress =
  | { readonly socket: string }
  | { readonly url: string; readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } }

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the version. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Longest until the whole answer is there. */
  readonly timeout?: Ms
}

export interface Sender {
  /** For people. */
  readonly where: string
  asked(request: Request): Asked
  /** undefined: an answer without a body, as of 204; and of 304, which says that it is so already. */
  json(request: Request, signal: AbortSignal): Promise<{ readonly status: number; readonly body: unknown }>
  /** null: 404. */
  find(request: Request, signal: AbortSignal): Promise<unknown>
  /** The answer as it comes, the whole of it within the timeout. `read` is what takes it. */
  stream<T>(request: Request, read: (chunks: AsyncIterable<Uint8Array>) => Promise<T>, signal: AbortSignal): Promise<T>
  version(signal: AbortSignal): Promise<Spoken>
  close(): Promise<void>
}

const usualTimeout: Ms = 60_000
const mostAnswered = 16 << 20
const mostRefusal = 64 << 10
const connectBound: Ms = 10_000

export function createSender({ address, clock }: { readonly address: EngineAddress; readonly clock: Clock }): Sender {
  const where = 'socket' in address ? `unix:${address.socket}` : address.url
  const pool = createPool(address)
  let spoken: Spoken | null = null
  let closed = false
  const asked = ({ method, path }: Request): Asked => ({ where, method, path })

  async function send(request: Request, path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    if (closed) throw new AppError('aborted', 'the client of the engine is closed')
    const { method, body, headers } = request
    const answer = await pool.request({
      // A path alone is what Go's servers behind a socket want; the host is of no use to them.
      path: path + queryOf(request.query),
      method,
      headers: {
        'user-agent': 'regista',
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    })
    if ((answer.statusCode >= 200 && answer.statusCode <= 299) || answer.statusCode === 304) return answer
    const text = await readBody(answer.body, mostRefusal)
    throw statusError(asked(request), answer.statusCode, text ?? '')
  }

  /** Everything about one request, bounded; what fails says so as an AppError. */
  async function bounded<T>(
    request: Request,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeout = usualTimeout } = request
    const deadline = createDeadline(clock, timeout, signal, `${request.method} ${request.path} of ${where}`)
    try {
      return await deadline.within(work(deadline.signal))
    } catch (thrown) {
      const error = networkError(asked(request), closed ? new AppError('aborted', 'the client was closed') : thrown)
      // Who comes back may be another version.
      if (error.class === 'retry' || error.data['why'] === 'version') spoken = null
      throw error
    } finally {
      deadline.end()
    }
  }

  async function parse(request: Request, answer: Dispatcher.ResponseData): Promise<unknown> {
    const text = await readBody(answer.body, mostAnswered)
    if (text === null) throw engineError(asked(request), 'too-large', `an answer of more than ${mostAnswered} bytes`)
    if (text.trim() === '') return undefined
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw engineError(asked(request), 'malformed', 'an answer that is no JSON', { cause })
    }
  }

  /** Not one question for all who ask at a time: each has a signal of its own. */
  async function version(signal: AbortSignal): Promise<Spoken> {
    if (spoken !== null) return spoken
    const request: Request = { method: 'GET', path: '/version', timeout: connectBound }
    const told = await bounded(request, signal, async (within) => {
      return chooseVersion(asked(request), await parse(request, await send(request, '/version', within)))
    })
    spoken = told
    return told
  }

  async function json(request: Request, signal: AbortSignal) {
    const { api } = await version(signal)
    return bounded(request, signal, async (within) => {
      const answer = await send(request, `/v${api}${request.path}`, within)
      return { status: answer.statusCode, body: await parse(request, answer) }
    })
  }

  return {
    where,
    asked,
    json,
    version,
    async find(request, signal) {
      try {
        return (await json(request, signal)).body
      } catch (thrown) {
        if (thrown instanceof AppError && thrown.data['status'] === 404) return null
        throw thrown
      }
    },
    async stream(request, read, signal) {
      const { api } = await version(signal)
      return bounded(request, signal, async (within) => {
        const { body } = await send(request, `/v${api}${request.path}`, within)
        // Bodies that are left half-way say so as an error that nobody waits for any more.
        body.on('error', () => {})
        return read(body as AsyncIterable<Uint8Array>)
      })
    },
    async close() {
      closed = true
      await pool.destroy()
    },
  }
}

function createPool(address: EngineAddress): Pool {
  // Waits are bounded here, by a clock that was passed in.
  const bounds = { headersTimeout: 0, bodyTimeout: 0, connections: 32, allowH2: false }
  if ('socket' in address) {
    return new Pool('http://engine', { ...bounds, connect: { socketPath: address.socket, timeout: connectBound } })
  }
  return new Pool(address.url, { ...bounds, connect: { ...address.tls, timeout: connectBound } })
}

function queryOf(query: Request['query'] = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** null: it is longer than that; the connection is closed then. */
async function readBody(body: Dispatcher.ResponseData['body'], most: number): Promise<string | null> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > most) return null
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
