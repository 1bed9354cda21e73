/** Requests to Regista: over the network, over the Unix socket of the process that holds the state, or in this process. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import type { App } from '../app.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import { createDeadline, type Deadline } from '../kernel/deadline.ts'
import { AppError, errorTable, messageOf, type ErrorCode } from '../kernel/errors.ts'

/** Where to ask. `name` is what errors call it. */
export type Address =
  | { readonly socket: string; readonly name: string }
  | { readonly url: URL; readonly token?: string; readonly name: string }
  | { readonly app: Pick<App, 'request'>; readonly name: string }

export interface Reply {
  readonly status: number
  readonly body: Readable
}

export interface Call {
  readonly method: string
  /** With its query; starts with "/". */
  readonly path: string
  readonly body?: unknown
  readonly signal: AbortSignal
  /** A status from 400 on that is an answer like others: 503 of a health check. */
  readonly accepts?: number
  /** Until the answer begins; null: as long as the other side works on it. */
  readonly bound: Ms | null
}

/** The JSON of the answer; undefined where it is empty. A status from 400 on is thrown as the AppError that it names. */
export async function ask(clock: Clock, address: Address, call: Call): Promise<unknown> {
  const text = await askText(clock, address, call)
  return text === '' ? undefined : JSON.parse(text)
}

/** The same of an answer that is no JSON. */
export async function askText(clock: Clock, address: Address, call: Call): Promise<string> {
  using deadline = deadlineOf(clock, address, call)
  // Awaited here: the deadline ends with this function.
  return await deadline.within(readText(await answered(address, call, deadline)))
}

/** The text of an answer as it comes. */
export async function* askPieces(clock: Clock, address: Address, call: Call): AsyncGenerator<string> {
  using deadline = deadlineOf(clock, address, call)
  const { body } = await answered(address, call, deadline)
  body.setEncoding('utf8')
  yield* body as AsyncIterable<string>
}

/** The events of a stream, for as long as both sides want. */
export async function* follow(clock: Clock, address: Address, call: Call): AsyncGenerator<StreamEvent> {
  using deadline = deadlineOf(clock, address, call)
  yield* readEvents(await answered(address, call, deadline))
}

function deadlineOf(clock: Clock, address: Address, { bound, signal }: Call): Deadline & Disposable {
  const deadline = createDeadline(clock, bound ?? 0x7fffffff, signal, `waiting for ${address.name}`)
  return { ...deadline, [Symbol.dispose]: () => deadline.end() }
}

async function answered(address: Address, call: Call, { within, signal }: Deadline): Promise<Reply> {
  try {
    const reply = await within(open(address, call, signal))
    if (reply.status < 400 || reply.status === call.accepts) return reply
    throw problemError(address, reply.status, await within(readText(reply)))
  } catch (thrown) {
    throw thrown instanceof AppError ? thrown : connectionError(address, thrown)
  }
}

function open(address: Address, call: Call, signal: AbortSignal): Promise<Reply> {
  const { method, path, body } = call
  if ('app' in address) return address.app.request({ method, path, body, signal })
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers: Record<string, string> = { accept: 'application/json, text/event-stream, application/problem+json' }
  if (text !== undefined) headers['content-type'] = 'application/json'
  if ('url' in address && address.token !== undefined) headers['authorization'] = `Bearer ${address.token}`
  const options: RequestOptions = { method, headers, signal }
  return new Promise((resolve, reject) => {
    const answer = (reply: IncomingMessage) => resolve({ status: reply.statusCode ?? 500, body: reply })
    const request =
      'socket' in address
        ? httpRequest({ ...options, socketPath: address.socket, path, host: 'localhost' }, answer)
        : (address.url.protocol === 'https:' ? httpsRequest : httpRequest)(under(address.url, path), options, answer)
    request.on('error', reject)
    request.end(text)
  })
}

/** `https://host/regista/` + `/api/v1/syncs`: a proxy may serve it below a path. */
function under(base: URL, path: string): URL {
  return new URL(base.pathname.replace(/\/$/, '') + path, base)
}

/** Bytes of an answer that a command keeps in memory. */
const mostBytes = 64 * 1024 * 1024

async function readText({ body }: Reply): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) throw new AppError('request.too-large', 'the answer is larger than 64 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function problemError(address: Address, status: number, text: string): AppError {
  const problem = parseObject(text)
  const code = problem['code']
  const detail = problem['detail']
  if (typeof code !== 'string' || typeof detail !== 'string' || !Object.hasOwn(errorTable, code)) {
    const what = `${address.name} answered ${status}, and not as Regista does; check the address`
    return new AppError('internal', what, { data: { status } })
  }
  const hint = nextStep[code as ErrorCode]
  return new AppError(code as ErrorCode, hint === undefined ? detail : `${detail}; ${hint}`, { data: problem })
}

const nextStep: { readonly [code in ErrorCode]?: string } = {
  'request.unauthenticated': 'give a token with --token or REGISTA_TOKEN (`regista tokens create` makes one)',
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function connectionError(address: Address, thrown: unknown): AppError {
  const code = (thrown as NodeJS.ErrnoException).code ?? ''
  const next = 'url' in address ? 'is it running, and is the address right?' : 'try again'
  return new AppError('server.unreachable', `${address.name}: ${code || messageOf(thrown)}; ${next}`, {
    cause: thrown,
  })
}

/** A block of `text/event-stream`, its data parsed as JSON. */
export interface StreamEvent {
  readonly type: string
  readonly id: string
  readonly data: unknown
}

async function* readEvents({ body }: Reply): AsyncGenerator<StreamEvent> {
  let [type, id, data, rest] = ['message', '', '', '']
  body.setEncoding('utf8')
  for await (const chunk of body as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      if (line === '') {
        if (data !== '') yield { type, id, data: JSON.parse(data) }
        ;[type, data] = ['message', '']
        continue
      }
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (field === 'data') data = data === '' ? value : `${data}\n${value}`
      else if (field === 'event') type = value
      else if (field === 'id') id = value
    }
  }
}
