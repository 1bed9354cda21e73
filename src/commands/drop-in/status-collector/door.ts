/** The port of the collector: what the original answers, byte for byte, and what is ours beside it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createPlain, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Ms } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import { readBuild } from '../../../kernel/version.ts'
import {
  createOriginalListener,
  createOriginalPost,
  extraRoutes,
  type RequestLine,
} from '../../../registries/claims/drop-in.ts'
import { createRouter } from '../../../server/application.ts'
import type { Arrival } from '../../../server/arrival.ts'
import { closeWithin } from '../../../server/listener.ts'
import { loadCertificates } from '../../../server/tls.ts'
import type { Access, Speaker } from './access.ts'
import { openDirectPost } from './direct-post.ts'
import { printGoDuration } from './duration.ts'
import { addressText, listen, portOf } from './listen.ts'
import type { RoleTask } from './role.ts'
import { openapiRoute } from './openapi.ts'
import { guardOf, pathsOf, probeRoutes } from './routes.ts'
import type { Collector } from './collector.ts'
import type { ServerSettings } from './server-settings.ts'

export interface DoorOptions extends Collector {
  readonly settings: ServerSettings
  readonly task: RoleTask
  readonly sync: string
  /** null: everybody may do everything. */
  readonly access: Access | null
  /** Of a body. */
  readonly mostBytes: number
}

export interface OpenDoor {
  /** Lets what is under way finish within `bound`. */
  close(bound: Ms): Promise<void>
}

const timeouts: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the 60 s after which common proxies give an idle connection up.
  keepAliveTimeout: 65_000,
  noDelay: true,
}
const mostConnections = 4096

/** Rejects in Go's words where nobody can listen there. */
export async function openDoor(options: DoorOptions): Promise<OpenDoor> {
  const { settings, task, statuses, randomBytes, logger, mostBytes } = options
  const { clock, log } = task
  const stopping = new AbortController()
  const { access } = options
  const admitted = new WeakMap<Arrival, Speaker | AppError>()
  const recalled = (request: Arrival): Speaker => {
    const found = admitted.get(request)
    if (found === undefined || found instanceof AppError) throw found ?? new AppError('internal', 'nobody was asked')
    return found
  }
  const build = readBuild()
  const parts = { metrics: options.metrics, logger, clock, stopping: stopping.signal }
  const { dropIn, sync, target } = options
  const { journal, engine } = dropIn
  const ours = [
    ...probeRoutes({ ...parts, journal, version: build.version }),
    ...extraRoutes({
      sync,
      statuses,
      clock,
      journal,
      engine: () => engine,
      files: new Map([[target.name, target]]),
    }),
  ]
  const routes = [...ours, openapiRoute(ours, build.version)]
  const { app: router } = await createRouter({
    ...parts,
    routes,
    guard: guardOf(access && recalled),
    randomBytes,
    mostBytes,
  })
  const isOurs = pathsOf(routes)
  const other = (request: IncomingMessage, response: ServerResponse, path: string) => {
    if (!isOurs(path)) return false
    const route = () => router.routing(request, response)
    if (access === null) route()
    else {
      const keep = (found: Speaker | AppError) => void admitted.set(request, found)
      void access
        .admit(request)
        .then(keep, (thrown: unknown) => keep(asAppError(thrown)))
        .then(route)
    }
    return true
  }
  const common = {
    statuses,
    clock,
    randomBytes,
    version: build,
    mostBytes,
    ...(log.tells('INFO') && { log: (line: RequestLine) => log.tell('INFO', 'request', fieldsOf(line)) }),
    failed: (thrown: unknown) => log.tell('ERROR', 'panic recovered', { error: thrown }),
  }
  const handler = createOriginalListener({
    ...common,
    ...(access !== null && { admit: (request: IncomingMessage) => access.admit(request) }),
    other,
  })
  const tls = settings.tls === null ? null : await loadCertificates(settings.tls, { clock, logger })
  const server: Server =
    tls === null
      ? createPlain(timeouts, handler)
      : createSecure({ ...timeouts, ...tls.current, ...tls.policy }, handler)
  tls?.serve(server)
  server.maxConnections = mostConnections
  const direct = { post: createOriginalPost(common), clock, mostBytes, secure: tls !== null }
  const lane = access === null ? openDirectPost(server, direct) : undefined
  await begin(server, options)
  if (access === null) {
    const said =
      'everybody who reaches this port may change the registry: set COLLECTOR_TOKENS_FILE or COLLECTOR_IDENTITIES_FILE, or keep others away'
    log.tell('WARN', said)
  }
  return {
    async close(bound) {
      stopping.abort()
      tls?.stop()
      await closeWithin(server, clock, bound, lane)
      await router.close()
    },
  }
}

function fieldsOf({ method, path, status, took }: RequestLine) {
  return { method, path, status, duration: printGoDuration(took) }
}

async function begin(server: Server, { settings, task: { log } }: DoorOptions): Promise<void> {
  const { host, port: text } = settings
  // Said before it is tried, as the original does; a free port is known only then.
  const free = text === '0'
  if (!free) log.print(`server listening on ${addressText(host, text)}`)
  try {
    await listen(server, host, portOf(text))
  } catch (thrown) {
    throw new Error(`server error: ${(thrown as Error).message}`, { cause: thrown })
  }
  if (free) log.print(`server listening on ${addressText(host, (server.address() as AddressInfo).port)}`)
}
