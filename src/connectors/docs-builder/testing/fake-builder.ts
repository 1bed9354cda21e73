/**
 * A docs-builder for tests, with its faults. There is none to test against: paths, codes, bodies and what is done in
 * which order are taken from its sources as far as they could be read (handler.go, upload.go, the pull requests on
 * name validation, cancelled builds and GET /api/v1/doc). Ours alone: when exactly a fault strikes, that a folder
 * needs no entry for the folder above it, and that what a broken upload left is shown by the next build.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import { build, createDisk, remove, upload, type Shown } from './builder-disk.ts'

export type Operation = 'upload' | 'delete' | 'build' | 'documents' | 'health' | 'ready' | 'other'

export interface Request {
  readonly operation: Operation
  readonly method: string
  /** With its query, as it came. */
  readonly url: string
  readonly module: string | null
  readonly version: string | null
  readonly channels: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** null: no answer was given (yet). */
  status: number | null
  /** It was done in full. */
  done: boolean
}

export interface Fault {
  readonly on: Operation
  /** `error`: 500 with a text. `hang`: no answer. `drop`: the connection ends. */
  readonly is: 'error' | 'hang' | 'drop'
  /** Before anything is done, half-way through the body (uploads), or after all is done; default: before. */
  readonly when?: 'before' | 'half' | 'after'
  /** How often; default: until `mend`. */
  times?: number
  readonly module?: string
}

export interface FakeBuilderOptions {
  /** Without GET /api/v1/doc: `missing` answers 404, `not-allowed` 405. */
  readonly documents?: 'there' | 'missing' | 'not-allowed'
  /** There is a channels.yaml from the start, and it is empty. */
  readonly empty?: boolean
}

export interface FakeBuilder extends AsyncDisposable {
  /** `127.0.0.1:port`, the same for ever. */
  readonly address: string
  readonly requests: readonly Request[]
  /** Those of one kind. */
  asked(operation: Operation): readonly Request[]
  /** Builds that came to their end. */
  readonly builds: number
  /** What channels.yaml says, by `module/channel`. */
  versions(): ReadonlyMap<string, string>
  /** What the last build showed, by `module/channel`. */
  shown(): ReadonlyMap<string, Shown>
  fault(fault: Fault): void
  mend(): void
  /** Modules, or `module@version`, that no site can be built with, whatever is in them. */
  readonly spoilt: Set<string>
  /** Builds wait until the function that is returned is called. */
  holdBuilds(): () => void
  /** As another client does: into channels.yaml and the site. */
  put(module: string, channel: string, version: string): void
  forget(module: string, channel: string): void
  stop(): Promise<void>
  /** On the same address; `lost`: with an empty disk. */
  start(state?: 'kept' | 'lost'): Promise<void>
}

interface Reply {
  readonly status: number
  readonly text?: string
}

const failure: Reply = { status: 500, text: 'Internal server error\n' }
const namePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

export async function startFakeBuilder(options: FakeBuilderOptions = {}): Promise<FakeBuilder> {
  let disk = createDisk()
  if (options.empty) disk.channels = new Map()
  const requests: Request[] = []
  const spoilt = new Set<string>()
  let faults: Fault[] = []
  let builds = 0
  let gate: Promise<void> = Promise.resolve()
  let building: Promise<unknown> = Promise.resolve()
  const sockets = new Set<Socket>()

  const strikes = (request: Request, when: NonNullable<Fault['when']>): Fault | undefined => {
    const struck = faults.find(
      (fault) =>
        fault.on === request.operation &&
        (fault.when ?? 'before') === when &&
        (fault.module === undefined || fault.module === request.module),
    )
    if (struck?.times !== undefined && --struck.times <= 0) faults = faults.filter((fault) => fault !== struck)
    return struck
  }

  async function buildSite(left: AbortSignal): Promise<Reply | null> {
    const before = building
    const turn = Promise.withResolvers<void>()
    building = turn.promise
    try {
      await before
      await Promise.race([gate, new Promise((resolve) => left.addEventListener('abort', resolve, { once: true }))])
      if (left.aborted) return null
      build(disk, (module, version) => spoilt.has(module) || spoilt.has(`${module}@${version}`))
      builds += 1
      return { status: 200 }
    } finally {
      turn.resolve()
    }
  }

  async function handle(request: Request, body: Readable, left: AbortSignal): Promise<Reply | null> {
    const { operation, module, version, channels } = request
    if (operation === 'health') return { status: 200, text: 'ok' }
    if (operation === 'ready') {
      return disk.shown === null ? { status: 500, text: 'Waiting for first build\n' } : { status: 200, text: 'ok' }
    }
    if (operation === 'documents') {
      if (options.documents === 'missing') return { status: 404, text: '404 page not found\n' }
      if (options.documents === 'not-allowed') return { status: 405, text: 'Method Not Allowed\n' }
      if (disk.channels === null) return failure
      const lists = [...disk.channels].map(([name, versions]) => [name, Object.fromEntries(versions)])
      return { status: 200, text: `${JSON.stringify(Object.fromEntries(lists))}\n` }
    }
    if (operation === 'build') return buildSite(left)
    if (operation === 'other') return { status: 404, text: '404 page not found\n' }
    if ([module!, ...channels].some((name) => !namePattern.test(name))) return failure
    if (operation === 'upload') await upload(disk, { module: module!, version: version!, channels }, body)
    else remove(disk, module!, channels)
    return { status: operation === 'upload' ? 201 : 204 }
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = requestOf(incoming)
    requests.push(request)
    const left = new AbortController()
    response.on('close', () => left.abort())
    const answer = (reply: Reply | null) => {
      incoming.resume()
      if (reply === null || response.destroyed) return
      request.status = reply.status
      response.writeHead(reply.status).end(reply.text)
    }
    const strike = (when: 'before' | 'half' | 'after') => {
      const fault = strikes(request, when)
      if (fault?.is === 'drop') incoming.socket.destroy()
      if (fault?.is === 'error') answer(failure)
      return fault !== undefined
    }
    if (strike('before')) return
    const body = halved(incoming, () => strike('half'))
    const done = await handle(request, body, left.signal).catch(() => failure)
    request.done = done !== null && done !== failure
    if (response.destroyed || response.writableEnded || strike('after')) return
    answer(done)
  }

  const server: Server = createServer((incoming, response) => {
    incoming.on('error', () => {})
    void serve(incoming, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  let port = 0
  const listen = async () => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  await listen()

  return {
    address: `127.0.0.1:${port}`,
    requests,
    asked: (operation) => requests.filter((request) => request.operation === operation),
    get builds() {
      return builds
    },
    versions() {
      const lists = [...(disk.channels ?? new Map<string, Map<string, string>>())]
      return new Map(
        lists.flatMap(([module, of]) => [...of].map(([channel, version]) => [`${module}/${channel}`, version])),
      )
    },
    shown: () => disk.shown ?? new Map(),
    fault: (fault) => void faults.push({ ...fault }),
    mend() {
      faults = []
    },
    spoilt,
    holdBuilds() {
      const held = Promise.withResolvers<void>()
      gate = held.promise
      return held.resolve
    },
    put(module, channel, version) {
      disk.channels ??= new Map()
      disk.channels.set(module, (disk.channels.get(module) ?? new Map<string, string>()).set(channel, version))
      disk.folders.set(`${module}/${channel}`, { dirs: new Set(), files: new Map(), spoilt: false })
    },
    forget: (module, channel) => remove(disk, module, [channel]),
    stop,
    async start(state = 'kept') {
      if (state === 'lost') disk = createDisk()
      await listen()
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** Calls back when half of the body has come; what strikes there ends the body. */
function halved(incoming: IncomingMessage, strike: () => boolean): Readable {
  const size = Number(incoming.headers['content-length'] ?? 0)
  const body = new PassThrough()
  let come = 0
  let struck = false
  incoming.on('data', (chunk: Buffer) => {
    if (struck) return
    const before = come
    come += chunk.length
    if (before < size / 2 && come >= size / 2 && size > 0) {
      body.write(chunk.subarray(0, Math.floor(size / 2) - before))
      struck = strike()
      if (struck) return void body.destroy(new Error('broke off'))
      return void body.write(chunk.subarray(Math.floor(size / 2) - before))
    }
    if (!body.write(chunk)) {
      incoming.pause()
      body.once('drain', () => incoming.resume())
    }
  })
  incoming.on('end', () => struck || body.end())
  incoming.on('close', () => incoming.complete || body.destroy(new Error('the client left')))
  body.on('error', () => incoming.resume())
  return body
}

function requestOf({ method = '', url = '', headers }: IncomingMessage): Request {
  const { pathname, searchParams } = new URL(url, 'http://builder')
  const [, module = null, version = null] = /^\/api\/v1\/doc\/([^/]+)(?:\/([^/]+))?$/.exec(pathname) ?? []
  const listed = searchParams.get('channels')
  return {
    operation: operationOf(method, pathname, module, version),
    method,
    url,
    module: module && decodeURIComponent(module),
    version: version && decodeURIComponent(version),
    // Missing and empty alike.
    channels: listed ? listed.split(',') : ['stable'],
    headers,
    status: null,
    done: false,
  }
}

function operationOf(method: string, path: string, module: string | null, version: string | null): Operation {
  if (path === '/healthz') return 'health'
  if (path === '/readyz') return 'ready'
  if (path === '/api/v1/build') return method === 'POST' ? 'build' : 'other'
  if (path === '/api/v1/doc') return method === 'GET' ? 'documents' : 'other'
  if (method === 'POST' && version !== null) return 'upload'
  return method === 'DELETE' && module !== null && version === null ? 'delete' : 'other'
}
