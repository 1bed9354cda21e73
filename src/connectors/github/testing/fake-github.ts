/**
 * GitHub as far as a forge needs it, over one repository in memory, with what emulators leave out: validators that
 * depend on the token, limits, files too long for the contents API, answers that are lost and sockets that hang.
 * Answered in memory, so that a test owns the time; `listen` puts it behind a real socket.
 */
import { createHash, verify } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createMemoryRepository, type Files, type MemoryRepository } from '../../forge/testing/memory-repository.ts'
import { HttpFailure, type Http, type HttpRequest } from '../../http/client.ts'
import { gitRoutes } from './fake-git.ts'
import { graphqlReply, pullRoutes } from './fake-pulls.ts'
import { error, findRoute, reply, type FakeReply } from './fake-route.ts'
import { createShapes } from './fake-shapes.ts'

export type GitHubFault =
  /** Not done. `headers` as GitHub would send them: retry-after, x-ratelimit-remaining. */
  | {
      readonly is: 'status'
      readonly status: number
      readonly message?: string
      readonly headers?: Record<string, string>
    }
  /** Done, and then the connection breaks. */
  | { readonly is: 'lost' }
  /** Done, and then a gateway says 502. */
  | { readonly is: 'lost-502' }
  /** Not done: the connection breaks first. */
  | { readonly is: 'broken' }
  /** Not done, and nothing comes. */
  | { readonly is: 'hangs' }
  /** Done, and nothing comes. */
  | { readonly is: 'lost-hangs' }

export interface FakeRequest {
  readonly method: string
  /** From the API's root, with the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface GitHubCall extends FakeRequest {
  readonly at: Instant
  /** 0: none was sent. */
  readonly status: number
  readonly reply: string
}

export interface FakeGitHubOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly files?: Files
  readonly repository?: string
  /** `/api/v3` of an Enterprise Server. */
  readonly base?: string
  readonly graphql?: boolean
  /** Public key of the App 42 with the installation 77, PEM. */
  readonly appKey?: string
  /** null: how a real server without it answers. */
  readonly people?: readonly string[]
  readonly drafts?: boolean
  readonly autoMerge?: boolean
}

export interface FakeGitHub {
  readonly http: Http
  readonly api: string
  readonly repository: MemoryRepository
  /** Every request that came, in order; bodies of the latest. */
  readonly calls: readonly GitHubCall[]
  /** The next `times` requests whose `METHOD /path` matches go wrong so. */
  fail(match: RegExp, fault: GitHubFault, times?: number): void
  /** Done right before the next request that matches: somebody is faster. */
  before(match: RegExp, act: () => void): void
  readonly pending: number
  protect(branch: string): void
  /** Tokens that are taken; those of the App come and go by themselves. */
  readonly tokens: Set<string>
  /** The same on a socket; the URL is that of the API. */
  listen(): Promise<{ url: string; close(): Promise<void> }>
}

export const goodToken = 'github_pat_good'

/** Long runs send gigabytes. */
const mostBodies = 100

const tokenLife: Ms = 3_600_000

export function createFakeGitHub(options: FakeGitHubOptions): FakeGitHub {
  const { clock, repository: name = 'acme/claims', base = '', graphql = true } = options
  const { people = ['alice'], drafts = true, autoMerge = true } = options
  const repository = createMemoryRepository(options.files)
  const api = `https://github.test${base}`
  const shapes = createShapes(api, name)
  const guarded = new Set<string>()
  const isProtected = (branch: string) => guarded.has(branch)
  const tokens = new Set([goodToken])
  const appTokens = new Map<string, Instant>()
  const calls: GitHubCall[] = []
  const faults: { match: RegExp; fault: GitHubFault; times: number }[] = []
  const acts: { match: RegExp; act: () => void }[] = []
  const owner = name.slice(0, name.indexOf('/'))
  const routes = [
    { on: 'GET ', answer: () => reply(200, shapes.repository) },
    ...gitRoutes({ repository, shapes, isProtected }),
    ...pullRoutes({ repository, shapes, owner, people, drafts }),
  ]

  function faultOf(line: string): GitHubFault | null {
    const found = faults.find(({ match, times }) => times > 0 && match.test(line))
    if (found === undefined) return null
    found.times -= 1
    return found.fault
  }

  const isKnown = (token: string) => tokens.has(token) || (appTokens.get(token) ?? 0) > clock.now()

  function answer(request: FakeRequest): FakeReply {
    const { method, headers, body } = request
    const url = new URL(request.path, api)
    const bearer = (headers['authorization'] ?? '').replace('Bearer ', '')
    const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : null
    const json: unknown = body === '' ? undefined : JSON.parse(body)
    const installation = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path ?? '')
    if (installation !== null && method === 'POST') return mint(bearer, installation[1])
    if (!isKnown(bearer)) return error(401, 'Bad credentials')
    if (url.pathname === `${base.replace(/\/v3$/, '')}/graphql`) {
      if (!graphql || method !== 'POST') return error(404, 'Not Found')
      return graphqlReply({ repository, mergeable: autoMerge, isProtected }, json as Parameters<typeof graphqlReply>[1])
    }
    const root = `/repos/${name}`
    if (path === null || !path.startsWith(root)) return error(404, 'Not Found')
    const found = findRoute(routes, method, path.slice(root.length))
    if (found === null) return error(404, 'Not Found')
    return withEtag(found.route.answer({ params: found.params, query: url.searchParams, json }), bearer, headers)
  }

  function mint(own: string, installation: string | undefined): FakeReply {
    const issue = jwtTrouble(own, options.appKey, clock.now())
    if (issue !== null) return error(401, issue)
    if (installation !== '77') return error(404, 'Not Found')
    const expires = clock.now() + tokenLife
    // In the form that they have since 2026-04: it is not 40 characters long, and has dots.
    const token = `ghs_42_${createHash('sha256').update(`${expires}${appTokens.size}`).digest('hex')}.e30.c2ln`
    appTokens.set(token, expires)
    return reply(201, { token, expires_at: new Date(expires).toISOString(), permissions: { contents: 'write' } })
  }

  /** What `fault` leaves of it; null: nothing more comes; undefined: the connection breaks. */
  function serve(request: FakeRequest): FakeReply | null | undefined {
    const line = `${request.method} ${request.path}`
    const at = acts.findIndex(({ match }) => match.test(line))
    if (at >= 0) acts.splice(at, 1)[0]?.act()
    const fault = faultOf(line)
    const given = serveWith(request, fault)
    calls.push({ ...request, at: clock.now(), status: given?.status ?? 0, reply: given?.body ?? '' })
    const old = calls.at(-mostBodies)
    if (old !== undefined) calls[calls.length - mostBodies] = { ...old, body: '', reply: '' }
    return given
  }

  function serveWith(request: FakeRequest, fault: GitHubFault | null): FakeReply | null | undefined {
    if (fault?.is === 'hangs') return null
    if (fault?.is === 'broken') return undefined
    const common = { 'date': new Date(clock.now()).toUTCString(), 'x-ratelimit-remaining': '4999' }
    const given =
      fault?.is === 'status'
        ? error(fault.status, fault.message ?? 'a fault of the test', fault.headers)
        : answer(request)
    if (fault?.is === 'lost-hangs') return null
    if (fault?.is === 'lost') return undefined
    if (fault?.is === 'lost-502') return { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' }
    return { ...given, headers: { ...common, ...given.headers } }
  }

  return {
    api,
    repository,
    calls,
    tokens,
    http: { request: (ask, signal) => inMemory(serve, ask, signal), close: () => Promise.resolve() },
    fail: (match, fault, times = 1) => void faults.push({ match, fault, times }),
    before: (match, act) => void acts.push({ match, act }),
    get pending() {
      return faults.reduce((sum, { times }) => sum + times, 0)
    },
    protect: (branch) => void guarded.add(branch),
    listen: () => listen(serve, base),
  }
}

type Serve = (request: FakeRequest) => FakeReply | null | undefined

async function inMemory(
  serve: Serve,
  ask: HttpRequest,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<Http['request']>>> {
  if (signal.aborted) throw new AppError('aborted', 'a request', { cause: signal.reason })
  const { method, path, headers = {}, body } = ask
  // The other side is never heard in the same turn.
  await Promise.resolve()
  const given = serve({ method, path, headers, body: typeof body === 'string' ? body : '' })
  if (given === undefined) throw new HttpFailure('network', 'ECONNRESET')
  if (given === null)
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  const bytes = Buffer.from(given.body)
  return {
    status: given.status,
    headers: given.headers,
    bytes: (most) =>
      bytes.length > most
        ? Promise.reject(new HttpFailure('too-large', `${bytes.length} bytes`))
        : Promise.resolve(bytes),
    async *chunks() {
      yield await Promise.resolve(bytes)
    },
    dump() {},
  }
}

async function listen(serve: Serve, base: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method = 'GET', url = '/', headers } = request
      const plain = Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, String(value)]))
      const given = serve({ method, path: url, headers: plain, body: Buffer.concat(parts).toString() })
      if (given === undefined) request.socket.destroy()
      else if (given !== null) response.writeHead(given.status, given.headers).end(given.body)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** Weak or not, it is another one for each token (github/docs#34689). */
function withEtag(given: FakeReply, token: string, headers: FakeRequest['headers']): FakeReply {
  if (given.status !== 200) return given
  const etag = `W/"${createHash('sha256').update(`${token}\0${given.body}`).digest('hex')}"`
  if (headers['if-none-match'] === etag) return { status: 304, headers: { etag }, body: '' }
  return { ...given, headers: { ...given.headers, etag } }
}

function jwtTrouble(token: string, key: string | undefined, now: Instant): string | null {
  const [header = '', claims = '', signature = ''] = token.split('.')
  if (key === undefined || signature === '') return 'A JSON web token could not be decoded'
  if (!verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))) {
    return 'A JSON web token could not be decoded'
  }
  const { iat, exp, iss } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<'iat' | 'exp', number> & {
    iss: string
  }
  const seconds = now / 1000
  if (iat > seconds)
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
  if (exp <= seconds || exp > seconds + 600) return "'Expiration time' claim ('exp') is too far in the future"
  return iss === '42' ? null : 'Integration not found'
}
