/**
 * An engine on a socket, as Docker answers: for what a real one cannot be made to show. Pulls that fail within the
 * answer, containers that restart for ever or serve late, an engine that dies in the middle of anything.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeContainers, Refusal, type FakeContainers, type FakeProgram, type Spec } from './fake-containers.ts'

export interface FakeEngine extends AsyncDisposable {
  readonly socket: string
  readonly state: FakeContainers
  /** `POST /containers/create`, ids as `:id`, in the order that they came. */
  readonly requests: string[]
  /** The last of what `x-registry-auth` said. */
  readonly auths: string[]
  /** Is in the registry, and can be pulled. */
  offer(repository: string, digest: string, program?: FakeProgram): void
  /** The next such requests (as in `requests`) go wrong so. */
  fail(request: string, fault: Fault, times?: number): void
  /** Called once a request has had its effect, before it is answered; `count` from 1. */
  after: ((request: string, count: number) => void) | null
  /** Called before anything is done of a request. */
  before: ((request: string, count: number) => void) | null
  die(): Promise<void>
  revive(): Promise<void>
}

export type Fault =
  /** Answers so, and does nothing. */
  | { readonly status: number; readonly message: string }
  /** `drop` cuts the connection before anything is done, `lose` after it was. */
  | 'drop'
  | 'lose'
  /** Of a pull: what the answer says in a line, or its end within a line. */
  | { readonly line: string }
  | 'cut'
  /** Of a pull: it ends as if all was well, and nothing is there. */
  | 'short'
  /** Never answers. */
  | 'hang'

export interface FakeEngineOptions {
  readonly api?: string
  readonly least?: string
  readonly networks?: readonly string[]
}

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** Parts of the path in place of `:id`. */
  readonly id: string
  readonly body: unknown
  readonly fault: Fault | null
}

export async function startFakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const { api = '1.44', least = '1.24', networks = ['web', 'data'] } = options
  const folder = await mkdtemp(join(tmpdir(), 'regista-engine-'))
  const socket = join(folder, 'engine.sock')
  const state = createFakeContainers(networks)
  const routes = createRoutes(state, { api, least })
  const faults: { readonly request: string; readonly fault: Fault; times: number }[] = []
  const requests: string[] = []
  const auths: string[] = []
  let server: Server | null = null

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://engine')
    const versioned = /^\/v(\d+\.\d+)(\/.*)$/.exec(url.pathname)
    const path = versioned?.[2] ?? url.pathname
    const found = routes.find(({ method, pattern }) => method === request.method && pattern.test(path))
    if (found === undefined) return refuse(response, 404, 'page not found')
    const name = `${found.method} ${found.name}`
    requests.push(name)
    const count = requests.length
    fake.before?.(name, count)
    const refused = versioned === null ? null : versionFault(versioned[1]!, { api, least })
    if (refused !== null) return refuse(response, 400, refused)
    const auth = request.headers['x-registry-auth']
    if (typeof auth === 'string') auths.push(Buffer.from(auth, 'base64url').toString())
    const text = await readAll(request)
    const fault = takeFault(faults, name)
    if (fault === 'hang') return
    if (fault === 'drop') return void response.destroy()
    if (fault !== null && typeof fault === 'object' && 'status' in fault)
      return refuse(response, fault.status, fault.message)
    const id = decodeURIComponent(found.pattern.exec(path)?.[1] ?? '')
    const body: unknown = text === '' ? null : JSON.parse(text)
    let done: Done | undefined
    try {
      done = await found.run({ request, response, query: url.searchParams, id, body, fault })
    } finally {
      fake.after?.(name, count)
    }
    if (fault === 'lose') return void response.destroy()
    if (done === undefined || response.destroyed) return
    response.writeHead(done.status, { 'content-type': 'application/json', 'api-version': api })
    response.end(done.body === undefined ? '' : JSON.stringify(done.body))
  }

  const fake: FakeEngine = {
    socket,
    state,
    requests,
    auths,
    after: null,
    before: null,
    offer: (repository, digest, program = {}) => void state.addImage({ repository, digest, program }),
    fail: (request, fault, times = 1) => void faults.push({ request, fault, times }),
    async die() {
      const dying = server
      server = null
      if (dying === null) return
      const closed = new Promise((resolve) => dying.close(resolve))
      dying.closeAllConnections()
      await closed
      state.restart()
    },
    async revive() {
      await rm(socket, { force: true })
      const made = createServer((request, response) => {
        answer(request, response).catch((thrown: unknown) => {
          if (thrown instanceof Refusal) refuse(response, thrown.status, thrown.message)
          else response.destroy(thrown as Error)
        })
      })
      await new Promise<void>((resolve) => made.listen(socket, resolve))
      server = made
    },
    async [Symbol.asyncDispose]() {
      await fake.die()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await fake.revive()
  return fake
}

function takeFault(faults: { request: string; fault: Fault; times: number }[], name: string): Fault | null {
  const found = faults.find(({ request, times }) => request === name && times > 0)
  if (found === undefined) return null
  found.times -= 1
  return found.fault
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }))
}

function versionFault(asked: string, { api, least }: { api: string; least: string }): string | null {
  const number = (text: string) => Number(text.split('.')[1])
  if (number(asked) < number(least)) {
    return `client version ${asked} is too old. Minimum supported API version is ${least}, please upgrade your client to a newer version`
  }
  return number(asked) > number(api)
    ? `client version ${asked} is too new. Maximum supported API version is ${api}`
    : null
}

interface Done {
  readonly status: number
  readonly body?: unknown
}

interface FakeRoute {
  readonly method: string
  readonly name: string
  readonly pattern: RegExp
  /** undefined: it has answered itself. */
  run(call: Call): Promise<Done | undefined> | Done | undefined
}

function createRoutes(state: FakeContainers, versions: { api: string; least: string }): readonly FakeRoute[] {
  const route = (method: string, name: string, run: FakeRoute['run']): FakeRoute => {
    return { method, name, run, pattern: new RegExp(`^${name.replace(':id', '(.+)')}$`) }
  }
  const commands = new Map<string, { readonly container: string; code: number }>()
  const told = {
    ApiVersion: versions.api,
    MinAPIVersion: versions.least,
    Version: '28.0.0',
    Components: [{ Name: 'Engine' }],
  }
  return [
    route('GET', '/version', () => ({ status: 200, body: told })),
    route('GET', '/info', () => ({ status: 200, body: { ID: 'fake-engine', Name: 'here' } })),
    route('POST', '/images/create', (call) => pull(state, call)),
    route('GET', '/images/:id/json', ({ id }) => {
      const found = [...state.images.values()].find(
        (image) => image.pulled && (image.id === id || `${image.repository}@${image.digest}` === id),
      )
      if (found === undefined) throw new Refusal(404, `No such image: ${id}`)
      return { status: 200, body: { Id: found.id, RepoDigests: [`${found.repository}@${found.digest}`] } }
    }),
    route('GET', '/containers/json', ({ query }) => ({ status: 200, body: list(state, query) })),
    route('POST', '/containers/create', ({ query, body }) => {
      return { status: 201, body: { Id: state.create(query.get('name') ?? '', body as Spec).id, Warnings: [] } }
    }),
    route('GET', '/containers/:id/json', ({ id }) => ({ status: 200, body: state.inspect(id) })),
    route('POST', '/containers/:id/start', ({ id }) => ({ status: state.start(id) ? 204 : 304 })),
    route('POST', '/containers/:id/stop', ({ id }) => ({ status: state.stop(id) ? 204 : 304 })),
    route('POST', '/containers/:id/kill', ({ id }) => {
      if (!state.stop(id)) throw new Refusal(409, `container ${id} is not running`)
      state.get(id).code = 137
      return { status: 204 }
    }),
    route('POST', '/containers/:id/wait', ({ id }) => ({ status: 200, body: { StatusCode: state.get(id).code } })),
    route('POST', '/containers/:id/rename', ({ id, query }) => {
      state.rename(id, query.get('name') ?? '')
      return { status: 204 }
    }),
    route('DELETE', '/containers/:id', ({ id, query }) => {
      state.remove(id, query.get('force') === '1')
      return { status: 204 }
    }),
    route('GET', '/containers/:id/logs', ({ id, query, response }) => {
      const lines = state.get(id).logs.slice(-Number(query.get('tail') ?? 0))
      response.writeHead(200, { 'content-type': 'application/vnd.docker.multiplexed-stream' })
      response.end(Buffer.concat(lines.map((line) => frame(1, `${line}\n`))))
      return undefined
    }),
    route('POST', '/containers/:id/exec', ({ id }) => {
      const { id: container, state: now } = state.get(id)
      if (now !== 'running') throw new Refusal(409, `container ${id} is not running`)
      const Id = `exec-${commands.size + 1}`
      commands.set(Id, { container, code: 0 })
      return { status: 201, body: { Id } }
    }),
    route('POST', '/exec/:id/start', ({ id, response }) => {
      const command = commands.get(id)!
      command.code = state.serves(state.get(command.container)) ? 0 : 1
      response.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream', 'connection': 'close' })
      response.end(frame(2, command.code === 0 ? 'well\n' : 'connection refused\n'))
      return undefined
    }),
    route('GET', '/exec/:id/json', ({ id }) => {
      return { status: 200, body: { ID: id, Running: false, ExitCode: commands.get(id)!.code } }
    }),
    route('POST', '/networks/:id/connect', ({ id, body }) => {
      const { Container, EndpointConfig } = body as { Container: string; EndpointConfig?: { Aliases?: string[] } }
      state.connect(id, Container, EndpointConfig?.Aliases ?? [])
      return { status: 200 }
    }),
    route('POST', '/networks/:id/disconnect', ({ id, body }) => {
      state.disconnect(id, (body as { Container: string }).Container)
      return { status: 200 }
    }),
  ]
}

function frame(stream: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

function list(state: FakeContainers, query: URLSearchParams): unknown {
  const { label = [] } = JSON.parse(query.get('filters') ?? '{}') as { label?: string[] }
  const has = (labels: Readonly<Record<string, string>>) =>
    label.every((one) => {
      const at = one.indexOf('=')
      return at === -1 ? one in labels : labels[one.slice(0, at)] === one.slice(at + 1)
    })
  return [...state.containers.values()]
    .filter(({ labels }) => has(labels))
    .map(({ id, name, labels, state: State, created }) => {
      return { Id: id, Names: [`/${name}`], Labels: labels, State, Created: created }
    })
}

async function pull(state: FakeContainers, { query, response, fault }: Call): Promise<undefined> {
  const reference = `${query.get('fromImage')}@${query.get('tag')}`
  if (!(query.get('tag') ?? '').startsWith('sha256:')) throw new Refusal(400, 'the fake engine pulls by digest alone')
  const image = state.images.get(reference)
  if (image === undefined) throw new Refusal(404, `manifest for ${reference} not found: manifest unknown`)
  response.writeHead(200, { 'content-type': 'application/json' })
  const say = (line: unknown) => void response.write(`${JSON.stringify(line)}\r\n`)
  say({ status: `Pulling from ${query.get('fromImage')}`, id: query.get('tag') })
  say({ status: 'Pulling fs layer', progressDetail: {}, id: 'aaaa' })
  say({ status: 'Already exists', progressDetail: {}, id: 'bbbb' })
  if (fault === 'cut') {
    response.write('{"status":"Downl')
    await new Promise((resolve) => setImmediate(resolve))
    response.destroy()
    return undefined
  }
  if (fault !== null && typeof fault === 'object' && 'line' in fault) {
    response.end(`${JSON.stringify({ errorDetail: { message: fault.line }, error: fault.line })}\r\n`)
    return undefined
  }
  say({ status: 'Pull complete', progressDetail: {}, id: 'aaaa' })
  image.pulled = fault !== 'short'
  response.end()
  return undefined
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
