/** The server: one set of routes behind several doors (network, Unix socket, metrics port, this process). */
import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import type { Engine } from '../engine/engine.ts'
import type { Journal } from '../engine/journal.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { KeyValue } from '../kernel/key-value.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Identity, Route } from '../kernel/route.ts'
import { bootstrapToken, type Bootstrap } from './access/bootstrap.ts'
import { isOpen, refuseOpenDoors } from './access/policy.ts'
import { createTokenStore } from './access/token-store.ts'
import type { RandomBytes } from './access/token.ts'
import type { ApiParts } from './api/parts.ts'
import { createApp, type Router } from './application.ts'
import { insideAddress, type Door } from './arrival.ts'
import { createListener, listenOn, listenOnPath, type Handler, type Listener } from './listener.ts'
import type { ServerSettings } from './settings.ts'
import { loadCertificates, type Certificates } from './tls.ts'

export interface ServerOptions {
  readonly settings: ServerSettings
  readonly journal: Journal
  readonly engine: Engine
  /** Regista's own store. */
  readonly keyValue: KeyValue
  /** Of the registries. */
  readonly routes: readonly Route[]
  /** And whom they know by credentials of another kind. */
  readonly identities?: readonly Identity[]
  readonly backup: ApiParts['backup']
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly version: string
  /** See HealthParts. */
  readonly servesFromMemory?: boolean
  /** Path of the Unix socket; null: none. */
  readonly socket: string | null
  readonly bootstrap: Bootstrap
}

export interface Addresses {
  /** `http://127.0.0.1:8080`, `https://…` */
  readonly url: string
  readonly socket: string | null
  readonly metrics: string | null
}

export interface InsideRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface InsideReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  readonly body: Readable
}

export interface Server {
  /** Listens. Throws `config.invalid` when the settings would let anybody in, or an address is taken. */
  start(): Promise<Addresses>
  /** Ends streams, lets what runs finish within `bound`, then cuts it off. */
  stop(bound?: Ms): Promise<void>
  /** A request of this process, with all rights and without any listening. */
  request(ask: InsideRequest): Promise<InsideReply>
}

const defaultBound: Ms = 10_000

export function createServer(options: ServerOptions): Server {
  const { settings, clock, logger } = options
  const stopping = new AbortController()
  const tokens = createTokenStore(options)
  let made: Promise<Router> | undefined
  const app = () => (made ??= createApp({ ...options, tokens, stopping: stopping.signal }))
  const listeners: Listener[] = []
  let certificates: Certificates | null = null
  let socketPath: string | null = null

  async function listen({ app: { routing: handler }, direct: routes }: Router): Promise<Addresses> {
    certificates = settings.tls === undefined ? null : await loadCertificates(settings.tls, options)
    const listener = (door: Door, serve: Handler, pair: Certificates | null) => {
      const direct = door.kind === 'metrics' ? null : routes
      const one = createListener({
        door,
        handler: serve,
        connections: settings.limits.connections,
        certificates: pair,
        clock,
        direct,
      })
      listeners.push(one)
      return one.server
    }
    const tls = certificates !== null
    const scheme = tls ? 'https' : 'http'
    const url = (host: string, port: number) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
    const main = await listenOn(listener({ kind: 'network', tls }, handler, certificates), settings.host, settings.port)
    let metrics: string | null = null
    if (settings.metrics !== undefined) {
      const { host, port } = settings.metrics
      const own = await listenOn(listener({ kind: 'metrics', tls }, onlyHealth(handler), certificates), host, port)
      metrics = url(host, own.port)
    }
    if (options.socket !== null) {
      await removeStale(options.socket)
      await listenOnPath(listener({ kind: 'socket', tls: false }, handler, null), options.socket)
      socketPath = options.socket
    }
    return { url: url(settings.host, main.port), socket: socketPath, metrics }
  }

  async function stop(bound: Ms = defaultBound): Promise<void> {
    stopping.abort()
    certificates?.stop()
    // The socket goes first: who finds it gone may take the state over once this process lets go of it.
    if (socketPath !== null) await unlink(socketPath).catch(() => {})
    socketPath = null
    await Promise.all(listeners.splice(0).map((one) => one.close(bound)))
    await tokens.stop()
    await (await made)?.app.close()
  }

  return {
    stop,
    async start() {
      refuseOpenDoors(settings)
      try {
        await tokens.start()
        if (!isOpen(settings)) await bootstrapToken(tokens, options.bootstrap, logger)
        const addresses = await listen(await app())
        logger.info({ ...addresses, auth: isOpen(settings) ? 'none' : 'tokens' }, 'server listens')
        return addresses
      } catch (thrown) {
        await stop(0)
        throw thrown
      }
    },
    async request({ method, path, body, headers, signal }) {
      signal?.throwIfAborted()
      const router = await app()
      const reply = await router.app.inject({
        method: method as 'GET',
        url: path,
        remoteAddress: insideAddress,
        payloadAsStream: true,
        headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { payload: JSON.stringify(body) }),
        ...(signal && { signal }),
      })
      return { status: reply.statusCode, headers: reply.headers, body: reply.stream() }
    },
  }
}

const healthPaths = /^\/(metrics|livez|readyz|healthz)(\?|$)/

function onlyHealth(handler: Handler): Handler {
  return (request, response) => {
    // The router answers it with its own 404.
    if (!healthPaths.test(request.url ?? '')) request.url = '/not-on-the-metrics-port'
    handler(request, response)
  }
}

/** A socket that nobody answers on is left from a process that was killed. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (found === null) return
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (answered) throw new AppError('journal.busy', `another process listens on ${path}`)
  if (!found.isSocket()) throw new AppError('config.invalid', `${path} is in the way of the server's socket`)
  await unlink(path)
}
