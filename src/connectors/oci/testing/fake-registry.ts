/**
 * A registry that goes wrong when it is told to. It answers as the distribution project's does (measured on
 * 2.8.2) wherever no fault is set: the contract suite runs on both.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  createServer as createPlain,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '../../../../tests/parts/certificates.ts'
import { createDoor, type Door, type FakeAuth } from './fake-door.ts'
import type { Answer, Fault } from './fake-faults.ts'
import { createRepositories, type Repositories, type StoredManifest } from './fake-repositories.ts'

/** elsewhere: anything that was asked of the second host; api: of the API beside the registry. */
export type Kind =
  | 'api'
  | 'ping'
  | 'tags'
  | 'head'
  | 'manifest'
  | 'head-blob'
  | 'blob'
  | 'token'
  | 'elsewhere'
  | 'unknown'

export interface Asked {
  readonly kind: Kind
  /** How many of this kind there were, with this one. */
  readonly nth: number
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly repository: string
  /** A tag or digest. */
  readonly reference: string
  readonly headers: IncomingMessage['headers']
}

export interface FakeRegistryOptions {
  readonly auth?: FakeAuth
  /** The token server is on the second host. */
  readonly realmElsewhere?: boolean
  readonly tls?: boolean
  /** Most tags of a page; without it all come at once, as from Debian's docker-registry. */
  readonly pageSize?: number
  /** Blobs are fetched from the second host, as from a bucket. */
  readonly redirectBlobs?: boolean
  readonly now?: () => number
  /** An API on the same host; it lets in whom it likes. null: it does not answer that. */
  readonly beside?: (asked: Asked, body: string) => Answer | null
  /** Which of the tags are a page, in the place of the rule for `pageSize`. null: nobody knows the repository. */
  readonly paged?: (tags: readonly string[], query: URLSearchParams) => TagPage
}

export interface TagPage {
  readonly tags: readonly string[] | null
  /** Query of the link that goes with it. */
  readonly next: string | null
}

export interface FakeRegistry extends Repositories, AsyncDisposable {
  readonly url: string
  readonly host: string
  /** The second host: the same blobs, for anybody; `http(s)://…`. */
  readonly elsewhere: string
  /** PEM text. */
  readonly ca: string | null
  /** Decides on each request; null: as it should be. */
  fault: ((asked: Asked) => Fault | null) | null
  readonly asked: readonly Asked[]
  count(kind: Kind): number
  /** Connections that were made to the first host. */
  readonly connections: number
  forget(): void
  /** All tokens that are out are good no more. */
  revokeTokens(): void
  /** Nobody listens any more; connections are cut. */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const repositories = createRepositories()
  const folder = mkdtempSync(join(tmpdir(), 'regista-fake-registry-'))
  const certificates = options.tls ? makeCertificates(folder) : null
  const ca = certificates && readFileSync(certificates.ca, 'utf8')
  const tls = certificates && {
    cert: readFileSync(certificates.server.cert),
    key: readFileSync(certificates.server.key),
  }
  rmSync(folder, { recursive: true })
  const scheme = tls ? 'https' : 'http'
  const serve = (listener: RequestListener) => (tls ? createTls(tls, listener) : createPlain(listener))

  let asked: Asked[] = []
  const counts = new Map<Kind, number>()
  let connections = 0
  let door: Door | null = null

  function note(incoming: IncomingMessage, host: 'first' | 'second'): Asked {
    const method = String(incoming.method)
    const { pathname: path, searchParams: query } = new URL(String(incoming.url), 'http://localhost')
    const what = classify(method, path)
    const first = options.beside && isBeside(path) ? 'api' : what.kind
    const kind = host === 'second' && what.kind !== 'token' ? 'elsewhere' : first
    const nth = (counts.get(kind) ?? 0) + 1
    counts.set(kind, nth)
    const noted = { ...what, kind, nth, method, path, query, headers: incoming.headers }
    asked.push(noted)
    return noted
  }

  const handle = (host: 'first' | 'second'): RequestListener => {
    return (incoming, response) => {
      void (async () => {
        const ask = note(incoming, host)
        const text = ask.method === 'POST' ? await textOf(incoming) : ''
        const form = ask.method === 'POST' ? new URLSearchParams(text) : null
        const fault = fake.fault?.(ask) ?? null
        const beside = ask.kind === 'api' ? (options.beside?.(ask, text) ?? unknown('UNSUPPORTED')) : null
        const refused =
          host === 'first' && ask.kind !== 'token' ? door?.refuse(ask.repository, ask.headers.authorization) : null
        const given = beside ?? refused ?? answerOf(ask, form, host)
        await send(response, typeof fault === 'function' ? await fault(given) : given, ask, fault)
      })()
    }
  }

  function answerOf(ask: Asked, form: URLSearchParams | null, host: 'first' | 'second'): Answer {
    const { repository, reference, path } = ask
    if (ask.kind === 'token') return door?.token(ask.query, ask.headers.authorization, form) ?? unknown('UNSUPPORTED')
    if (ask.kind === 'ping') return answer(200, { 'content-type': 'application/json' }, '{}')
    const what = classify(ask.method, path).kind
    if (what === 'tags') return tagsAnswer(repositories.tags(repository), ask, options)
    if (what === 'head' || what === 'manifest') return manifestAnswer(repositories.manifest(repository, reference), ask)
    if (what !== 'blob' && what !== 'head-blob') return unknown('UNSUPPORTED')
    const blob = repositories.blob(repository, reference)
    if (blob === null) return unknown('BLOB_UNKNOWN')
    if (options.redirectBlobs && host === 'first') {
      return answer(307, { location: `${fake.elsewhere}${path}?signature=of-the-bucket` })
    }
    const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': reference }
    return answer(200, headers, blob)
  }

  const first = serve(handle('first')).on('connection', () => (connections += 1))
  const second = serve(handle('second'))
  const [port, otherPort] = [await listen(first, 0), await listen(second, 0)]
  const url = `${scheme}://127.0.0.1:${port}`
  const elsewhere = `${scheme}://127.0.0.1:${otherPort}`
  const realm = `${options.realmElsewhere ? elsewhere : url}/token`
  if (options.auth) door = createDoor(options.auth, realm, options.now ?? Date.now)

  const fake: FakeRegistry = {
    ...repositories,
    url,
    host: `127.0.0.1:${port}`,
    elsewhere,
    ca,
    fault: null,
    get asked() {
      return asked
    },
    get connections() {
      return connections
    },
    count: (kind) => counts.get(kind) ?? 0,
    forget() {
      asked = []
      counts.clear()
      connections = 0
    },
    revokeTokens: () => door?.revoke(),
    stop: () => close(first),
    async start() {
      await listen(first, port)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([close(first), close(second)])
    },
  }
  return fake
}

/** Gitea, GitHub, an Enterprise Server of it, and Docker Hub; nothing that the protocol has. */
function isBeside(path: string): boolean {
  return /^\/(?:api\/|orgs\/|users\/|v2\/(?:namespaces|auth)\/)/.test(path)
}

/** Names of repositories have slashes: what comes last says what is asked for. */
function classify(method: string, path: string): Pick<Asked, 'kind' | 'repository' | 'reference'> {
  if (path === '/token') return { kind: 'token', repository: '', reference: '' }
  if (/^\/v2\/?$/.test(path)) return { kind: 'ping', repository: '', reference: '' }
  const found = /^\/v2\/(.+)\/(?:(tags)\/(list)|(manifests|blobs)\/([^/]+))$/.exec(path)
  const [, repository = '', tags, , what, reference = ''] = found ?? []
  if (found === null || !['GET', 'HEAD'].includes(method)) return { kind: 'unknown', repository, reference }
  const head = method === 'HEAD'
  const kind = tags ? 'tags' : what === 'blobs' ? (head ? 'head-blob' : 'blob') : head ? 'head' : 'manifest'
  return { kind, repository, reference: decodeURIComponent(reference) }
}

function answer(status: number, given: Answer['headers'], body: string | Uint8Array = ''): Answer {
  const headers = { 'docker-distribution-api-version': 'registry/2.0', ...given }
  return { status, headers, body: typeof body === 'string' ? Buffer.from(body) : body }
}

function unknown(code: string): Answer {
  const body = JSON.stringify({ errors: [{ code, message: 'not known here' }] })
  return answer(404, { 'content-type': 'application/json; charset=utf-8' }, body)
}

function tagsAnswer(all: readonly string[] | null, ask: Asked, { pageSize, paged }: FakeRegistryOptions): Answer {
  if (all === null) return unknown('NAME_UNKNOWN')
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  const json = (tags: readonly string[] | null) => JSON.stringify({ name: ask.repository, tags })
  if (paged !== undefined) {
    const { tags, next } = paged(all, ask.query)
    const link = next === null ? {} : { link: `</v2/${ask.repository}/tags/list?${next}>; rel="next"` }
    return answer(200, { ...headers, ...link }, json(tags))
  }
  // A repository whose tags were all deleted has `null`.
  if (all.length === 0) return answer(200, headers, json(null))
  if (pageSize === undefined) return answer(200, headers, json(all))
  const sorted = all.toSorted()
  const last = ask.query.get('last')
  const from = last === null ? 0 : sorted.findLastIndex((tag) => tag <= last) + 1
  const size = Math.min(pageSize, Number(ask.query.get('n') ?? pageSize))
  const page = sorted.slice(from, from + size)
  if (size === 0 || from + size >= sorted.length) return answer(200, headers, json(page))
  const query = new URLSearchParams({ last: page.at(-1)!, n: String(size) }).toString()
  const next = `/v2/${ask.repository}/tags/list?${query}`
  return answer(200, { ...headers, link: `<${next}>; rel="next"` }, json(page))
}

function manifestAnswer(found: StoredManifest | null, ask: Asked): Answer {
  const accepted = ask.headers.accept ?? ''
  if (found === null) return unknown('MANIFEST_UNKNOWN')
  const { digest, mediaType, bytes } = found
  if (!accepted.includes(mediaType)) {
    // An OCI manifest is not found; a Docker one is made into another, with a digest of its own.
    if (mediaType.includes('.oci.')) return unknown('MANIFEST_UNKNOWN')
    const other = { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }
    return answer(200, { ...other, 'docker-content-digest': `sha256:${'0'.repeat(64)}` }, '{"schemaVersion":1}')
  }
  const headers = { 'content-type': mediaType, 'docker-content-digest': digest, 'etag': `"${digest}"` }
  const known = (ask.headers['if-none-match'] ?? '').replaceAll('"', '')
  return known === digest ? answer(304, headers) : answer(200, headers, bytes)
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of incoming) text += String(chunk)
  return text
}

async function send(response: ServerResponse, given: Answer, ask: Asked, fault: Fault | null): Promise<void> {
  if (fault === 'hang') return
  if (fault === 'drop') return void response.destroy()
  const { status, headers, body } = given
  const length = status === 304 ? {} : { 'content-length': String(body.length) }
  response.writeHead(status, { ...length, ...(headers as Record<string, string | string[]>) })
  if (ask.method === 'HEAD' || status === 304) return void response.end()
  if (fault !== 'hang-half-way' && fault !== 'drop-half-way') return void response.end(body)
  response.flushHeaders()
  await new Promise((resolve) => response.write(body.subarray(0, body.length >> 1), resolve))
  if (fault === 'drop-half-way') response.destroy()
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  if (!server.listening) return
  await new Promise((resolve) => {
    server.close(resolve)
  })
}
