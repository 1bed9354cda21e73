/**
 * A cluster's API for tests: list, watch, create, read, replace, patch, apply and delete of any resource,
 * with paging, bookmarks, versions that conflict and a history that can be forgotten; and with faults.
 * A resource needs no declaration: custom ones, leases and deployments come free.
 */
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Cluster } from '../cluster.ts'
import { keyOf, type KubernetesObject } from '../objects.ts'
import type { ServedKind } from '../discovery.ts'
import { kindsAnswer } from './simulator-kinds.ts'
import { openWatch, type Watching } from './simulator-watch.ts'
import { answerOf, parsePath, statusAnswer, type Answer, type Place } from './simulator-rest.ts'
import { createStored } from './stored.ts'

export interface SimulatorOptions {
  /** PEM; without it plain HTTP. With `ca` only those come in whose certificate it issued. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string }
  /** What requests must bear; null: anybody may. */
  readonly token?: string | null
  /** Lists that it does not serve, as `apis/group/version/plural`: the kind is not installed. */
  readonly unserved?: readonly string[]
  /** What it tells of its kinds; may grow while it runs. All others are served all the same. */
  readonly kinds?: readonly KindDeclaration[]
}

export type KindDeclaration = Omit<ServedKind, 'verbs'>

export interface Fault {
  /** Which requests; all without it. */
  readonly when?: (request: Seen) => boolean
  /** How many of them: 1 without it. */
  readonly times?: number
  /** Answers this instead; a Status object comes by itself. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of what would be answered. */
  readonly body?: string
  /** Cuts the connection and answers nothing. */
  readonly cut?: boolean
  /** Opens a watch that says nothing, not even that its time is over. */
  readonly silent?: boolean
  /** Answers only when this resolves. */
  readonly until?: Promise<unknown>
}

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
}

export interface Simulator extends AsyncDisposable {
  readonly url: URL
  /** Anybody's access to it, with the token of the moment. */
  cluster(changes?: Partial<Cluster>): Cluster
  /** May be replaced while it runs. */
  token: string | null
  readonly seen: readonly Seen[]
  readonly watches: readonly Watching[]
  /** Connections that are open. */
  readonly sockets: number
  /** Behind the back of whoever watches through the API: `path` of the list. */
  put(path: string, object: KubernetesObject): KubernetesObject
  remove(path: string, name: string): void
  objects(path: string): readonly KubernetesObject[]
  /** Forgets the history: older versions and continuations are answered with 410. */
  compact(): void
  /** Sends every watch that asked for bookmarks the version of now. */
  bookmark(): void
  /** Cuts every connection. */
  disconnect(): void
  /** Refuses connections until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
  fault(fault: Fault): void
}

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const stored = createStored()
  const seen: Seen[] = []
  const faults: { fault: Fault; left: number }[] = []
  const watches = new Set<Watching>()
  const sockets = new Set<Socket>()
  let token = options.token ?? null
  let server: Server
  let port = 0

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://simulator')
    const now: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
    }
    seen.push(now)
    const body = await bodyOf(request)
    const one = faults.find(({ fault, left }) => left > 0 && (fault.when?.(now) ?? true))
    if (one) {
      one.left -= 1
      await one.fault.until
      if (one.fault.cut) return void request.socket.destroy()
      if (one.fault.silent) return response.writeHead(200).flushHeaders()
      if (one.fault.status !== undefined || one.fault.body !== undefined) return send(response, faultAnswer(one.fault))
    }
    if (token !== null && request.headers.authorization !== `Bearer ${token}`) {
      return send(response, statusAnswer(401, 'Unauthorized', 'Unauthorized'))
    }
    const kinds = kindsAnswer(options.kinds ?? [], now.path)
    if (kinds !== null) return send(response, kinds)
    const place = parsePath(now.path)
    if (place === null || options.unserved?.includes(place.resource))
      return send(response, { status: 404, body: '404 page not found' })
    if (now.method === 'GET' && place.name === null && isTrue(now.query.get('watch'))) {
      const opened = openWatch(stored, place, now.query, response)
      if ('status' in opened) return send(response, opened)
      watches.add(opened)
      response.on('close', () => watches.delete(opened))
      return
    }
    send(response, answerOf(stored, place, now, body))
  }

  function listen(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      serve(request, response).catch((thrown: unknown) => {
        if (!response.headersSent) send(response, statusAnswer(500, 'InternalError', String(thrown)))
      })
    }
    server = options.tls
      ? createSecure({ ...options.tls, requestCert: options.tls.ca !== undefined }, answer)
      : createPlain(answer)
    server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  const disconnect = () => {
    for (const socket of sockets) socket.destroy()
  }
  const stop = async () => {
    const closed = new Promise((resolve) => {
      server.close(resolve)
    })
    disconnect()
    server.closeAllConnections()
    await closed
  }
  const placeOf = (path: string): Place => {
    const place = parsePath(path)
    if (place === null) throw new Error(`${path} is no path of a list`)
    return place
  }

  await listen()
  const url = new URL(`${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`)
  return {
    url,
    cluster(changes = {}) {
      const access = () =>
        Promise.resolve({ headers: token === null ? {} : { authorization: `Bearer ${token}` }, tls: {} })
      return { name: 'simulator', server: url, namespace: null, proxy: null, access, ...changes }
    },
    get token() {
      return token
    },
    set token(value) {
      token = value
    },
    seen,
    get watches() {
      return [...watches]
    },
    get sockets() {
      return sockets.size
    },
    put(path, object) {
      const { resource, namespace } = placeOf(path)
      const metadata = { ...object.metadata, ...(namespace !== null && { namespace }) }
      return stored.write(resource, storedKey({ metadata }), { ...object, metadata })
    },
    remove(path, name) {
      const { resource, namespace } = placeOf(path)
      stored.remove(resource, `${namespace ?? ''}/${name}`)
    },
    objects(path) {
      const { resource, namespace } = placeOf(path)
      return stored.all(resource).filter(({ metadata }) => namespace === null || metadata.namespace === namespace)
    },
    compact: () => stored.compact(),
    bookmark() {
      for (const one of watches) one.bookmark()
    },
    disconnect,
    stop,
    start: listen,
    fault: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    async [Symbol.asyncDispose]() {
      if (server.listening) await stop()
    },
  }
}

function storedKey(object: KubernetesObject): string {
  return object.metadata.namespace === undefined ? `/${object.metadata.name}` : keyOf(object)
}

function faultAnswer({ status = 200, headers, body }: Fault): Answer {
  const made = statusAnswer(status, 'Simulated', `simulated ${status}`)
  return { status, body: body ?? made.body, ...(headers && { headers }) }
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

export function isTrue(text: string | null): boolean {
  return text === '1' || text === 'true'
}
