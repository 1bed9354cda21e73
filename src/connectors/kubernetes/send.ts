/**
 * Requests to one cluster: credentials, TLS, deadlines, bounded bodies. On undici itself, for a cluster has its own
 * authority alone, client certificates that are renewed, a proxy of its own, and may be trusted unseen.
 */
import { Agent, ProxyAgent, type Dispatcher } from 'undici'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Cluster, Tls } from './cluster.ts'
import { clusterError, networkError, statusError, type Asked } from './errors.ts'

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the cluster's address, escaped. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: { readonly type: string; readonly content: unknown }
}

export interface Sender {
  readonly asked: (request: Request) => Asked
  /** The whole answer. */
  json(request: Request, signal: AbortSignal, most?: number): Promise<unknown>
  /** The answer as it comes. Leaving it closes the connection. */
  stream(request: Request, options: StreamOptions, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>
  close(): Promise<void>
}

export interface StreamOptions {
  /** Ends with an error when nothing came for so long. */
  readonly idle: Ms
  /** Called when the request was accepted. */
  readonly opened: () => void
}

/** An API server gives up on a request after 60 s itself. */
const longestAnswer: Ms = 60_000
/** Longest answer in bytes, unless said otherwise: an object has at most 1.5 MiB in etcd's own form. */
const mostAnswered = 8 << 20
/** Of an answer that refuses. */
const mostRefusal = 64 << 10
const connectBound: Ms = 10_000

export function createSender({ cluster, clock }: { readonly cluster: Cluster; readonly clock: Clock }): Sender {
  const { host } = cluster.server
  const dispatchers = createDispatchers(cluster)
  const prefix = cluster.server.pathname.replace(/\/$/, '')
  const asked = ({ method, path }: Request): Asked => ({ host, method, path })

  /** Answered with a refusal of its credentials, it is sent once more with new ones. */
  async function open(request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (let renew = false; ; renew = true) {
      const { headers, tls } = await cluster.access(renew, signal)
      const answer = await dispatchers.of(tls).request({
        origin: cluster.server.origin,
        path: prefix + request.path + queryOf(request.query),
        method: request.method,
        headers: {
          'accept': 'application/json',
          'user-agent': 'regista',
          ...headers,
          ...(request.body && { 'content-type': request.body.type }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body.content),
        signal,
      })
      if (answer.statusCode !== 401 || renew) return answer
      await readBody(answer.body, mostRefusal)
    }
  }

  async function accepted(request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const answer = await open(request, signal)
    const { statusCode: status } = answer
    if (status >= 200 && status <= 299) return answer
    const retryAfter = answer.headers['retry-after']
    const text = await readBody(answer.body, mostRefusal)
    throw statusError(asked(request), { status, retryAfter, body: parsed(text) }, clock.now())
  }

  return {
    asked,
    async json(request, signal, most = mostAnswered) {
      const deadline = createDeadline(clock, longestAnswer, signal, `${request.method} ${request.path} of ${host}`)
      try {
        const read = async () => readBody((await accepted(request, deadline.signal)).body, most)
        const text = await deadline.within(read())
        if (text === null) throw clusterError(asked(request), 'too-large', `an answer of more than ${most} bytes`)
        const body = parsed(text)
        if (body === undefined) throw clusterError(asked(request), 'malformed', 'an answer that is no JSON')
        return body
      } catch (thrown) {
        throw networkError(asked(request), thrown)
      } finally {
        deadline.end()
      }
    },
    async *stream(request, { idle, opened }, signal) {
      const what = `${request.method} ${request.path} of ${host}`
      const whole = createDeadline(clock, idle, signal, what)
      const opening = createDeadline(clock, longestAnswer, whole.signal, what)
      try {
        const answer = await opening.within(accepted(request, whole.signal))
        // Bodies that are left half-way say so as an error that nobody waits for any more.
        answer.body.on('error', () => {})
        opened()
        yield* whole.each(answer.body)
      } catch (thrown) {
        throw networkError(asked(request), thrown)
      } finally {
        whole.end()
        opening.end()
      }
    },
    close: () => dispatchers.close(),
  }
}

/** One pool of connections for the certificates of the moment. */
function createDispatchers({ proxy }: Cluster) {
  let current: { readonly tls: string; readonly dispatcher: Dispatcher } | null = null
  const leaving = new Set<Promise<unknown>>()
  let closed = false
  const open = (tls: Tls): Dispatcher => {
    const connect = {
      timeout: connectBound,
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key !== undefined && { key: tls.key }),
      ...(tls.serverName !== undefined && { servername: tls.serverName }),
      ...(tls.insecure && { rejectUnauthorized: false }),
    }
    // Waits are bounded here, by a clock that was passed in.
    const bounds = { headersTimeout: 0, bodyTimeout: 0 }
    if (proxy === null) return new Agent({ ...bounds, connect })
    return new ProxyAgent({ ...bounds, uri: proxy.href, requestTls: connect, connectTimeout: connectBound })
  }
  return {
    of(tls: Tls): Dispatcher {
      if (closed) throw new AppError('aborted', 'the Kubernetes client is closed')
      const wanted = JSON.stringify(tls)
      if (current?.tls === wanted) return current.dispatcher
      // Ends once its watches have; they last five minutes at most.
      const old = current?.dispatcher.close()
      if (old) leaving.add(old.finally(() => leaving.delete(old)))
      current = { tls: wanted, dispatcher: open(tls) }
      return current.dispatcher
    },
    async close() {
      closed = true
      await current?.dispatcher.destroy()
      await Promise.allSettled(leaving)
    },
  }
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

/** undefined: no JSON. */
function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
