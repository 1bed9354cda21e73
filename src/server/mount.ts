/** Puts routes, which are data, on fastify. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import type { Caller, Route, RouteReply, RouteRequest } from '../kernel/route.ts'
import type { Admission, Admit, Guarded } from './access/guard.ts'
import type { Arrival } from './arrival.ts'
import { isUnchanged } from '../kernel/etag.ts'
import { invalidRequest, type Fault } from './problem.ts'
import type { Validators } from './schema.ts'

declare module 'fastify' {
  interface FastifyRequest {
    admission: Admission | null
  }
}

export interface MountOptions {
  readonly guard: (route: Guarded) => Admit
  /** To be waited for before the guard is asked; null: nothing. Never rejects. */
  readonly identify?: (request: Arrival) => Promise<void> | null
  readonly validators: Validators
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal
  /** A reader that takes nothing of a stream for this long is cut off. */
  readonly stall: number
  /** Largest body, unless a route says more. */
  readonly mostBytes: number
  readonly streams: Streams
}

/** How many answers go on, and may. */
export interface Streams {
  open: number
  readonly most: number
}

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'] as const

export function mountRoutes(app: FastifyInstance, routes: readonly (Route & Guarded)[], options: MountOptions): void {
  app.decorateRequest('admission', null)
  for (const declared of routes) if (declared.rawBody === undefined) mountRoute(app, declared, options)
  void app.register((raw, _, done) => {
    takeBytes(raw)
    for (const declared of routes) if (declared.rawBody !== undefined) mountRoute(raw, declared, options)
    done()
  })
  const paths = Map.groupBy(routes, ({ path }) => path)
  for (const [path, ofPath] of paths) {
    const wider = routes.filter((one) => isWider(one.path, path)).map(({ method }) => method)
    refuseOtherMethods(app, path, new Set(ofPath.map(({ method }) => method)), new Set(wider))
  }
}

function mountRoute(app: FastifyInstance, declared: Route & Guarded, options: MountOptions): void {
  const admit = options.guard(declared)
  const faultsOf = checkOf(declared, options.validators)
  app.route({
    method: declared.method,
    url: declared.path,
    bodyLimit: Math.max(options.mostBytes, declared.mostBytes ?? 0),
    // With a callback: a promise per request would cost more than the check itself.
    onRequest(request, _reply, done) {
      const enter = () => {
        try {
          request.admission = admit(request.raw, request.params as Record<string, string>)
        } catch (thrown) {
          done(thrown as Error)
          return
        }
        done()
      }
      const waiting = options.identify?.(request.raw) ?? null
      if (waiting === null) enter()
      else void waiting.then(enter)
    },
    // Not async: a promise that resolves to fastify's reply, a thenable, costs a dozen listeners per
    // request (40 µs instead of 25 of CPU, measured 2026-11).
    handler(request, reply) {
      const faults = faultsOf(request)
      if (faults.length > 0) throw invalidRequest(faults)
      if (declared.streams === true) countStream(options.streams, reply)
      declared
        .handle(new Asked(request, reply, options.stopping))
        .then((answer) => sendAnswer(request, reply, answer, options))
        .catch((thrown: unknown) => reply.send(thrown))
    },
  })
}

/** Any body of any content type, as it is. */
function takeBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  // What is no media type would be refused before any parser is asked.
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['content-type']
    if (given !== undefined && !mediaType.test(given)) delete headers['content-type']
    done()
  })
}

export const mediaType = /^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*$/

const none: readonly Fault[] = []
const noBytes = Buffer.alloc(0)

export type Checked = Pick<FastifyRequest, 'params' | 'query' | 'body'>

/** All faults of all parts of a request. A part without a schema takes nothing. */
export function checkOf(declared: Route, validators: Validators): (request: Checked) => readonly Fault[] {
  const params = declared.params && validators.of(declared.params, 'params')
  const query = declared.query && validators.of(declared.query, 'query')
  const body = declared.body && validators.of(declared.body, 'body')
  return (request) => {
    const found = params ? params(request.params) : none
    const inQuery = query ? query(request.query) : unknownNames(request.query as object)
    const inBody = declared.rawBody ? none : body ? body(request.body) : isEmpty(request.body) ? none : unwantedBody
    return found.length + inQuery.length + inBody.length === 0 ? none : [...found, ...inQuery, ...inBody]
  }
}

function unknownNames(query: object): readonly Fault[] {
  let found: Fault[] | undefined
  for (const name in query) (found ??= []).push({ in: 'query', pointer: `/${name}`, detail: 'is not known' })
  return found ?? none
}

const unwantedBody: readonly Fault[] = [{ in: 'body', pointer: '', detail: 'is not taken here' }]

/** `{}` and null too: clients that always send JSON mean nothing by them. */
function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

function countStream(streams: Streams, { raw }: FastifyReply): void {
  if (streams.open >= streams.most) {
    throw new AppError('request.too-many', 'Too many event streams are open.', { data: { retryAfter: 10 } })
  }
  streams.open += 1
  // Also when the reader never takes the first byte.
  raw.once('close', () => (streams.open -= 1))
}

/** A class for the sake of its getter: on an object literal that would cost more than the rest. */
class Asked implements RouteRequest<never, never, never> {
  readonly params: never
  readonly query: never
  readonly body: never
  readonly bytes: Buffer
  readonly headers: FastifyRequest['headers']
  readonly caller: Caller
  readonly #reply: FastifyReply
  readonly #stopping: AbortSignal
  #signal: AbortSignal | undefined

  constructor(request: FastifyRequest, reply: FastifyReply, stopping: AbortSignal) {
    this.params = request.params as never
    this.query = request.query as never
    this.body = request.body as never
    this.bytes = Buffer.isBuffer(request.body) ? request.body : noBytes
    this.headers = request.headers
    this.caller = request.admission!.caller
    this.#reply = reply
    this.#stopping = stopping
  }

  /** Made when asked for: most handlers are done before anybody could abort them. */
  get signal(): AbortSignal {
    return (this.#signal ??= signalOf(this.#reply, this.#stopping))
  }
}

function signalOf({ raw }: FastifyReply, stopping: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort(new AppError('aborted', 'The caller is gone or the server stops.'))
  const close = () => {
    stopping.removeEventListener('abort', abort)
    abort()
  }
  if (stopping.aborted) abort()
  stopping.addEventListener('abort', abort, { once: true })
  raw.once('close', close)
  return controller.signal
}

function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, body, headers }: RouteReply,
  options: MountOptions,
): void {
  reply.header('x-content-type-options', 'nosniff')
  if (headers?.['cache-control'] === undefined) reply.header('cache-control', 'no-store')
  if (headers !== undefined) reply.headers(headers)
  const tag = headers?.['etag']
  if (tag !== undefined && isRead(request) && isUnchanged(request.headers['if-none-match'], tag)) {
    reply.code(304).send()
    return
  }
  reply.code(status ?? (body === undefined ? 204 : 200))
  if (body === undefined) {
    reply.send()
  } else if (body instanceof Uint8Array || typeof body === 'string') {
    if (headers?.['content-type'] === undefined) reply.type('application/octet-stream')
    reply.send(body)
  } else if (isAsyncIterable(body)) {
    sendStream(request, reply, body, options)
  } else {
    reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
  }
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  body: AsyncIterable<string | Uint8Array>,
  { stall }: MountOptions,
): void {
  if (request.method === 'HEAD') {
    reply.send()
    return
  }
  const admission = request.admission!
  // Node's own timer of the socket: it starts anew with each byte that the reader takes.
  reply.raw.setTimeout(stall, () => reply.raw.destroy())
  async function* whileAllowed() {
    for await (const chunk of body) {
      if (!admission.valid()) return
      yield chunk
    }
  }
  reply.send(Readable.from(whileAllowed(), { objectMode: false, highWaterMark: 64 * 1024 }))
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string | Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Takes every path that the other takes: `/things/:type/:id` takes those of `/things/:id/status`. */
function isWider(path: string, than: string): boolean {
  const [wide, narrow] = [path.split('/'), than.split('/')]
  if (path === than || wide.length !== narrow.length || path.endsWith('*')) return false
  const isParameter = (part: string | undefined) => part?.startsWith(':') === true && !part.startsWith('::')
  return wide.every((part, n) => part === narrow[n] || isParameter(part))
}

/**
 * fastify answers 404 for these; RFC 9110 §15.5.6 wants 405 with what is allowed. What a wider path takes is left to
 * that.
 */
function refuseOtherMethods(
  app: FastifyInstance,
  path: string,
  declared: ReadonlySet<string>,
  wider: ReadonlySet<string>,
): void {
  const taken = declared.union(wider)
  const allow = [...taken, ...(taken.has('GET') ? ['HEAD'] : [])].toSorted().join(', ')
  const error = new AppError('request.method', `Allowed here: ${allow}.`, { data: { allow } })
  app.route({
    method: methods.filter((method) => !declared.has(method) && !wider.has(method)),
    url: path,
    exposeHeadRoute: false,
    onRequest: (_request, _reply, done) => done(error),
    handler: () => undefined,
  })
}
