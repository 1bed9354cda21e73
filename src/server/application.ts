/** Fastify with every route on it. It never listens itself: see listener.ts. */
import { fastify, type FastifyInstance } from 'fastify'
import type { Engine } from '../engine/engine.ts'
import type { Journal } from '../engine/journal.ts'
import type { Clock } from '../kernel/clock.ts'
import type { KeyValue } from '../kernel/key-value.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Identity, Route } from '../kernel/route.ts'
import { createHostRule } from './access/addresses.ts'
import { createGuard, type Admit, type Guarded } from './access/guard.ts'
import { createIdentities } from './access/identities.ts'
import { isOpen } from './access/policy.ts'
import { createRateLimit } from './access/rate.ts'
import type { RandomBytes } from './access/token.ts'
import type { TokenStore } from './access/token-store.ts'
import { apiRoutes, type ApiParts } from './api/index.ts'
import { createWriteAnswer } from './direct/answer.ts'
import { bindDirect, type DirectRoutes } from './direct/bound.ts'
import { docsRoutes } from './docs-page.ts'
import { healthRoutes } from './health.ts'
import { keepAlive } from './listener.ts'
import { mountRoutes, type MountOptions, type Streams } from './mount.ts'
import { answerProblems, sendProblem } from './problem-reply.ts'
import { createDurations, measureRequests } from './request-metrics.ts'
import { createValidators } from './schema.ts'
import type { ServerSettings } from './settings.ts'

export interface AppOptions {
  readonly settings: ServerSettings
  readonly journal: Journal
  readonly engine: Engine
  readonly keyValue: KeyValue
  readonly routes: readonly Route[]
  readonly backup: ApiParts['backup']
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly version: string
  /** See HealthParts. */
  readonly servesFromMemory?: boolean
  readonly tokens: TokenStore
  readonly identities?: readonly Identity[]
  readonly stopping: AbortSignal
}

/** Everything that is served: the core's routes, then those of the registries. */
export function allRoutes(options: Omit<AppOptions, 'randomBytes'>): readonly (Route & Guarded)[] {
  const { logger, version } = options
  const routes: (Route & Guarded)[] = [
    ...healthRoutes(options),
    ...docsRoutes(() => routes, version),
    ...apiRoutes(options, logger),
    ...options.routes,
  ]
  return routes
}

/** A reader that takes nothing for this long is gone. */
const stall = 60_000

/** The same routes, for the HTTP library and past it. */
export interface Router {
  readonly app: FastifyInstance
  readonly direct: DirectRoutes
}

export async function createApp(options: AppOptions): Promise<Router> {
  const { settings, clock, tokens, logger, metrics } = options
  const { limits, behind_proxy: behindProxy } = settings
  const identities = createIdentities({ identities: options.identities ?? [], clock, logger })
  const guard = createGuard({
    identified: identities.of,
    clock,
    open: isOpen(settings),
    openMetrics: settings.metrics?.auth === 'none',
    behindProxy,
    tokens,
    rate: createRateLimit({ perSecond: limits.rate, burst: limits.burst }, clock),
    hostAllowed: createHostRule(settings.hosts),
  })
  const streams = { open: 0, most: limits.streams }
  metrics.gauge('regista_http_streams', 'Event streams that are open.', [], (gauge) => gauge.set(streams.open))
  return createRouter({
    ...options,
    streams,
    guard,
    identify: identities.begin,
    routes: allRoutes(options),
    mostBytes: limits.body,
  })
}

export interface RouterOptions {
  readonly routes: readonly (Route & Guarded)[]
  readonly guard: (route: Guarded) => Admit
  readonly identify?: MountOptions['identify']
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly stopping: AbortSignal
  /** Of a body, unless its route says more. */
  readonly mostBytes: number
  readonly streams?: Streams
}

/** These routes alone, whoever is let in. */
export async function createRouter(options: RouterOptions): Promise<Router> {
  const { routes, guard, metrics, logger, clock, randomBytes, stopping, mostBytes } = options
  const newId = requestIds(randomBytes)
  const app = fastify({
    logger: false,
    bodyLimit: mostBytes,
    routerOptions: { maxParamLength: 2048 },
    genReqId: newId,
    // What the router itself refuses (percent-encoding) does not reach the error handler.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply, logger),
    return503OnClosing: false,
    exposeHeadRoutes: true,
  })
  const parseJson = takeJson(app)
  answerProblems(app, logger)
  const observerOf = createDurations(metrics)
  measureRequests(app, observerOf)
  const { identify } = options
  const streams = options.streams ?? { open: 0, most: Number.POSITIVE_INFINITY }
  const shared = { guard, validators: createValidators(), stopping, stall, mostBytes, streams }
  mountRoutes(app, routes, identify === undefined ? shared : { ...shared, identify })
  await app.ready()
  const write = createWriteAnswer(clock.now, keepAlive / 1000)
  const parts = { ...shared, ...(identify && { identify }), logger, clock, observerOf, newId, parseJson, write }
  return { app, direct: bindDirect(routes, parts) }
}

/**
 * JSON, and what is JSON by its suffix (RFC 6839): no other content type is taken, and of these a browser
 * sends none unasked. Nothing at all is no body, whatever type it claims to have.
 */
function takeJson(app: FastifyInstance): (text: string) => unknown {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(/^application\/(?:[\w.-]+\+)?json(?:;|$)/i, { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body as string, done)
  })
  return (text) => {
    let read: unknown
    // It answers at once, and looks at the text alone.
    void parse(null as never, text, (error, value: unknown) => {
      if (error !== null) throw error
      read = value
    })
    return read
  }
}

/** Unique over restarts and replicas without a draw per request. */
function requestIds(randomBytes: RandomBytes): () => string {
  const start = Buffer.from(randomBytes(6)).toString('hex')
  let count = 0
  return () => `${start}-${(count += 1).toString(36)}`
}
