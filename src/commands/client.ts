/**
 * The REST API as commands use it: at --url, at the process that holds the state, or, when nobody
 * holds it, in this process for the length of the command. Commands are written once for all three.
 */
import { connect } from 'node:net'
import type { Config } from '../config/load.ts'
import type { Ms } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Run } from './command.ts'
import { readConfig } from './configuration.ts'
import { ask, askPieces, askText, follow, type Address, type StreamEvent } from './transport.ts'

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface Client extends AsyncDisposable {
  get<T>(path: string, query?: Query): Promise<T>
  /** Of what answers in another language than JSON. */
  text(path: string, query?: Query): Promise<string>
  /** The same piece by piece, however long it is. */
  stream(path: string, query?: Query): AsyncIterable<string>
  /** Waits as long as the other side works on it: a pass may take minutes. */
  post<T>(path: string, body?: unknown): Promise<T>
  put<T>(path: string, body: unknown, query?: Query): Promise<T>
  patch<T>(path: string, body: unknown): Promise<T>
  delete<T>(path: string, query?: Query): Promise<T>
  health(): Promise<Health>
  /** Every row of a list, page by page, at most `most`. */
  list<T>(path: string, query?: Query, most?: number): Promise<T[]>
  /** Events of a stream as they happen. Ends with the other side or with the command. */
  follow(path: string, query: Query): AsyncIterable<StreamEvent>
  /** This process alone holds the state, so that nothing happens but what the command itself does. */
  readonly alone: boolean
  /** Asked over the network: files and folders of this machine mean nothing there. */
  readonly remote: boolean
}

export interface Health {
  readonly status: 'ok' | 'degraded' | 'failing'
  readonly checks?: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]
}

const answerBound: Ms = 30_000
/** A one-shot command holds the state for a moment only; a server answers on its socket. */
const heldBound: Ms = 5_000

export async function openClient(run: Run): Promise<Client> {
  const url = run.globals.url ?? run.terminal.env['REGISTA_URL']
  if (url !== undefined)
    return createClient(run, remoteAddress(url, run.globals.token ?? run.terminal.env['REGISTA_TOKEN']))
  return openLocal(run, await readConfig(run))
}

function remoteAddress(text: string, token: string | undefined): Address {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError('request.invalid', 'the address of the server must look like https://host:8080')
  }
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (token !== undefined && url.protocol === 'http:' && !loopback) {
    throw new AppError('request.insecure', `the token would cross the network in clear text; use https://${url.host}`)
  }
  return { url, name: url.origin, ...(token !== undefined && { token }) }
}

async function openLocal(run: Run, config: Config): Promise<Client> {
  const until = run.clock.monotonic() + heldBound
  for (;;) {
    run.stop.throwIfAborted()
    const name = `the process that holds ${config.state}`
    if (await listens(config.socket)) return createClient(run, { socket: config.socket, name })
    try {
      return await openAlone(run, config)
    } catch (thrown) {
      const held = thrown instanceof AppError && thrown.code === 'journal.busy'
      if (!held || run.clock.monotonic() > until) throw thrown
      await run.clock.sleep(50, run.stop)
    }
  }
}

async function openAlone(run: Run, config: Config): Promise<Client> {
  const [{ openApp }, { createLogger }] = await Promise.all([import('../app.ts'), import('../kernel/logger.ts')])
  // What a command has to say it prints itself; the log would only be in the way.
  const logger = createLogger({ level: run.globals.debug ? 'debug' : 'silent' })
  const app = await openApp({ config, clock: run.clock, logger, print: null })
  return createClient(run, { app, name: 'this process' }, () => app.stop())
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function createClient(run: Run, address: Address, close?: () => Promise<void>): Client {
  const call = <T>(method: string, path: string, bound: Ms | null, body?: unknown) =>
    ask(run.clock, address, { method, path, body, bound, signal: run.stop }) as Promise<T>
  return {
    get: (path, query = {}) => call('GET', withQuery(path, query), answerBound),
    text: (path, query = {}) => {
      const how = { path: withQuery(path, query), bound: answerBound, signal: run.stop }
      return askText(run.clock, address, { method: 'GET', ...how })
    },
    post: (path, body) => call('POST', path, null, body ?? {}),
    put: (path, body, query = {}) => call('PUT', withQuery(path, query), null, body),
    patch: (path, body) => call('PATCH', path, null, body),
    delete: (path, query = {}) => call('DELETE', withQuery(path, query), null),
    health: () => {
      const how = { path: '/healthz', bound: answerBound, accepts: 503, signal: run.stop }
      return ask(run.clock, address, { method: 'GET', ...how }) as Promise<Health>
    },
    async list<T>(path: string, query: Query = {}, most = Number.POSITIVE_INFINITY) {
      const items: T[] = []
      const limit = Math.min(1000, most)
      for (let next: string | null = withQuery(path, { limit, ...query }); next !== null && items.length < most;) {
        const page: { items: T[]; next: string | null } = await call('GET', next, answerBound)
        items.push(...page.items)
        next = page.next
      }
      return items.slice(0, most)
    },
    stream: (path, query = {}) => {
      const how = { path: withQuery(path, query), bound: answerBound, signal: run.stop }
      return askPieces(run.clock, address, { method: 'GET', ...how })
    },
    follow: (path, query) => {
      const how = { path: withQuery(path, query), bound: answerBound, signal: run.stop }
      return follow(run.clock, address, { method: 'GET', ...how })
    },
    alone: close !== undefined,
    remote: 'url' in address,
    async [Symbol.asyncDispose]() {
      await close?.()
    },
  }
}

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value]
      .flat()
      .filter((one) => one !== undefined)
      .map((one): [string, string] => [name, String(one)]),
  )
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`
}

/** A name as a segment of a path. */
export function segment(name: string): string {
  return encodeURIComponent(name)
}
