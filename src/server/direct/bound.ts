/** A direct route with all that its requests need: who may, what is checked, what is answered, how it is counted. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { isUnchanged } from '../../kernel/etag.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { DirectRequest, Route, RouteReply } from '../../kernel/route.ts'
import type { Admit, Guarded } from '../access/guard.ts'
import type { Arrival } from '../arrival.ts'
import { checkOf } from '../mount.ts'
import { problemAnswer } from '../problem-reply.ts'
import { invalidRequest } from '../problem.ts'
import type { Observe } from '../request-metrics.ts'
import type { Validators } from '../schema.ts'
import type { WriteAnswer } from './answer.ts'
import { createTable, type Table } from './table.ts'

export interface Bound {
  /** Of a body; 0: it takes none. */
  readonly mostBytes: number
  /** Whether a body of this type is its own to read. */
  takes(contentType: string): boolean
  /** Whether access depends on the parameters of the path. */
  readonly byParams: boolean
  readonly admit: Admit
  /** The whole answer. Neither throws nor rejects. `begun`: by the monotonic clock. */
  answer(ask: DirectRequest, closes: boolean, begun: Ms): string | Promise<string>
  refuse(thrown: unknown, closes: boolean, begun: Ms): string
}

export interface DirectParts {
  readonly guard: (route: Guarded) => Admit
  readonly identify?: (request: Arrival) => Promise<void> | null
  readonly validators: Validators
  readonly logger: Logger
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly observerOf: (method: string, route: string) => Observe
  readonly newId: () => string
  readonly parseJson: (text: string) => unknown
  readonly write: WriteAnswer
  readonly stopping: AbortSignal
  readonly mostBytes: number
}

/** What the reader of connections stands on. */
export interface DirectRoutes {
  readonly table: Table<Bound>
  readonly identify: (request: Arrival) => Promise<void> | null
}

export function bindDirect(routes: readonly (Route & Guarded)[], parts: DirectParts): DirectRoutes {
  const direct = routes
    .filter((declared) => declared.direct !== undefined)
    .map((declared) => ({ route: declared, of: bind(declared, parts) }))
  return { table: createTable(direct, routes), identify: parts.identify ?? (() => null) }
}

interface Handled {
  readonly status: number
  readonly headers?: Headers
  readonly body: string | Uint8Array | null
}

type Headers = Readonly<Record<string, string>>

function bind(declared: Route & Guarded, parts: DirectParts): Bound {
  const { method, path, direct, within } = declared
  const { clock, write, logger, newId } = parts
  const observe = parts.observerOf(method, path)
  const handle = typeof direct === 'function' ? checked(declared, direct, parts) : handled(declared, parts)
  refuseUnfit(declared)

  function refuse(thrown: unknown, closes: boolean, begun: Ms): string {
    const { status, headers, body } = problemAnswer(thrown, { id: newId(), method, route: path }, logger)
    const text = write(status, headers, body, closes)
    observe(status, (clock.monotonic() - begun) / 1000)
    return text
  }

  function textOf(ask: DirectRequest, reply: Handled, closes: boolean, begun: Ms): string {
    const unchanged = method === 'GET' && reply.headers !== undefined && isKept(ask, reply.headers)
    const status = unchanged ? 304 : reply.status
    const text = write(status, reply.headers, unchanged ? null : reply.body, closes)
    observe(status, (clock.monotonic() - begun) / 1000)
    return text
  }

  return {
    mostBytes: method === 'GET' ? 0 : Math.max(parts.mostBytes, declared.mostBytes ?? 0),
    takes: declared.body === undefined ? () => true : (type) => type === 'application/json',
    byParams: typeof within === 'object' && !('services' in within),
    admit: parts.guard(declared),
    refuse,
    answer(ask, closes, begun) {
      try {
        const reply = handle(ask)
        if (!(reply instanceof Promise)) return textOf(ask, reply, closes, begun)
        return reply
          .then((made) => textOf(ask, made, closes, begun))
          .catch((thrown: unknown) => refuse(thrown, closes, begun))
      } catch (thrown) {
        return refuse(thrown, closes, begun)
      }
    },
  }
}

function refuseUnfit({ method, path, direct, rawBody, streams }: Route): void {
  const unread = typeof direct === 'function' && method !== 'GET' && rawBody === undefined
  if (unread || streams === true)
    throw new Error(`${method} ${path} cannot be answered directly: its body or its answer is not plain`)
}

type Handle = (ask: DirectRequest) => Handled | Promise<Handled>

const noQuery: Readonly<Record<string, never>> = Object.freeze({})

/** Parameters are checked as ever; the body is for the function to read. */
function checked(declared: Route, direct: Handle, { validators }: DirectParts): Handle {
  if (declared.params === undefined) return direct
  const faultsOf = checkOf(declared, validators)
  return (ask) => {
    const params = { ...ask.params }
    const faults = faultsOf({ params, query: noQuery, body: undefined })
    if (faults.length > 0) throw invalidRequest(faults)
    return direct({ ...ask, params })
  }
}

/** By the same handler as everywhere. Its signal knows of the server's stop, and not of a client that is gone. */
function handled(declared: Route, { validators, parseJson, stopping }: DirectParts): Handle {
  const faultsOf = checkOf(declared, validators)
  const reads = declared.rawBody === undefined
  return ({ body: bytes, params: given, caller, headers }) => {
    const body = reads && bytes.length > 0 ? parseJson(bytes.toString('utf8')) : undefined
    const request = { params: { ...given }, query: {}, body }
    const faults = faultsOf(request)
    if (faults.length > 0) throw invalidRequest(faults)
    return declared.handle({ ...request, bytes, caller, headers, signal: stopping }).then(plainReply)
  }
}

function plainReply({ status, headers, body }: RouteReply): Handled {
  const given = headers !== undefined && { headers }
  if (body === undefined) return { status: status ?? 204, ...given, body: null }
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    throw new AppError('internal', 'a direct route answered with a stream')
  }
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    return { status: status ?? 200, ...given, body: JSON.stringify(body) }
  }
  return { status: status ?? 200, headers: { 'content-type': 'application/octet-stream', ...headers }, body }
}

function isKept({ headers }: DirectRequest, { etag }: Headers): boolean {
  return etag !== undefined && isUnchanged(headers['if-none-match'], etag)
}
