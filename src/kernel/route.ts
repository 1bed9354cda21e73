/**
 * An HTTP route as data. The server mounts it, checks access, validates with the schemas, and writes
 * the OpenAPI document from the same; a registry only declares.
 */
import type { ZodType, z } from 'zod'
import type { Instant } from './clock.ts'

/** What a credential may do in the services registry; none includes another. */
export const serviceRights = ['beat', 'read', 'write', 'purge'] as const
export type ServiceRight = (typeof serviceRights)[number]

/** Each role may do what the ones before it may. */
export type Role = 'viewer' | 'operator' | 'admin'

export interface Caller {
  /** `token:ci`, `socket` (the state folder's Unix socket), `anonymous` (loopback without tokens). */
  readonly name: string
  readonly role: Role
  /** null: everything. Else: syncs it may see and change, key-value prefixes it may use, what it may do with services. */
  readonly scopes: {
    readonly syncs?: readonly string[]
    readonly kv?: readonly string[]
    readonly services?: readonly ServiceRight[]
  } | null
  /** Set on credentials that belong to one service or cluster: they may act for nothing else. */
  readonly subject: string | null
}

/** Knows callers by credentials that are no tokens of ours: registries bring these along. */
export interface Identity {
  /** null: nobody that it knows, or not any more. Rejects where that cannot be told now. */
  verify(bearer: string): Promise<{ readonly caller: Caller; readonly until: Instant } | null>
}

export interface RouteRequest<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  /** The body as it came; only where the route says `rawBody`. */
  readonly bytes: Buffer
  readonly caller: Caller
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal
}

export interface RouteReply {
  /** Default 200, or 204 without a body. */
  readonly status?: number
  /** JSON; or bytes, sent as they are; or an AsyncIterable of text, streamed at the pace of the reader. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A request whose body is for the handler alone to read, and which needs nothing else. */
export interface DirectRequest {
  /** Empty where the request has none. */
  readonly body: Buffer
  readonly params: Readonly<Record<string, string>>
  /** In lower case, without parameters; '' where it has none. */
  readonly contentType: string
  readonly caller: Caller
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface DirectReply {
  readonly status: number
  /** JSON text, unless `headers` has another `content-type`. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Throws, or rejects with, what `handle` may. */
export type Direct = (ask: DirectRequest) => DirectReply | Promise<DirectReply>

/**
 * What callers with limits may do on a route. `{ sync: 'name' }`: only where params.name is one of
 * their syncs; likewise `kv` (a prefix of theirs) and `subject` (the subject of the credential, which
 * may call no other routes). `services`: only where they have that right; `own` lets in callers with a
 * subject too, and the handler keeps them to that. `filtered`: the handler shows and changes only what `caller.scopes`
 * allows. `own`: the same, and it keeps a caller with a subject to that. Absent: refused to all callers
 * with limits.
 */
export type Within =
  | { readonly sync: string }
  | { readonly kv: string }
  | { readonly subject: string }
  | { readonly services: ServiceRight; readonly own?: true }
  | 'filtered'
  | 'own'

export interface Route<P extends ZodType = ZodType, Q extends ZodType = ZodType, B extends ZodType = ZodType> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** `/api/v1/things/:id`; a trailing `*` takes the rest of the path as params['*']; `::` is one colon, no parameter. */
  readonly path: string
  /** Least role; `public` needs no credentials at all. A route without a row in the access test fails it. */
  readonly role: Role | 'public'
  readonly within?: Within
  /** One line for the OpenAPI document, in the imperative. */
  readonly summary: string
  readonly tag: string
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /**
   * Instead of `body`: it is handed over as `bytes`, whatever its content type, and not checked. For signatures over
   * the body, and for bodies that others defined. The schema is for the OpenAPI document alone.
   */
  readonly rawBody?: ZodType
  /** Largest body in bytes, where `server.limits.body` is less than what the route is for. */
  readonly mostBytes?: number
  readonly response?: ZodType
  /** Its answer goes on for as long as somebody reads it: counted against `server.limits.streams`. */
  readonly streams?: true
  /** What a request takes of its caller's allowance (`server.limits.rate`). Default 1. */
  readonly cost?: number
  /**
   * Plain requests are answered past the HTTP library, at a fraction of its cost (ADR 13); all others, and those that
   * come another way, by `handle`. 'handle': by the same handler, for answers that are not streamed. Else: see
   * `directRoute`.
   */
  readonly direct?: 'handle' | Direct
  handle(request: RouteRequest<z.infer<P>, z.infer<Q>, z.infer<B>>): Promise<RouteReply>
}

/** Infers the request types of one route from its schemas. */
export function route<P extends ZodType, Q extends ZodType, B extends ZodType>(declared: Route<P, Q, B>): Route {
  return declared as unknown as Route
}

/**
 * A route whose one handler serves hot requests directly, and all others as `handle`. It reads the body itself: what
 * `rawBody` says is for the OpenAPI document alone. Parameters are checked.
 */
export function directRoute<P extends ZodType, Q extends ZodType, B extends ZodType>(
  declared: Omit<Route<P, Q, B>, 'handle' | 'direct' | 'body'> & { readonly direct: Direct },
): Route {
  const { direct } = declared
  return route({
    ...declared,
    async handle({ bytes, params, caller, headers }) {
      const contentType = mediaTypeOf(headers['content-type'])
      const given = params as Readonly<Record<string, string>>
      const reply = await direct({ body: bytes, params: given, contentType, caller, headers })
      return { status: reply.status, body: reply.body, headers: { 'content-type': jsonType, ...reply.headers } }
    },
  })
}

export const jsonType = 'application/json; charset=utf-8'

export function mediaTypeOf(header: string | string[] | undefined): string {
  return String(header ?? '')
    .split(';', 1)[0]!
    .trim()
    .toLowerCase()
}
