/** HTTP to a Regista process, over its Unix socket or over the network. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock, Ms } from '../kernel/clock.ts'
import { createDeadline } from '../kernel/deadline.ts'
import { AppError, errorTable, messageOf, type ErrorCode } from '../kernel/errors.ts'

/** Where the process listens. `name` is what errors call it. */
export type Address =
  | { readonly socket: string; readonly name: string }
  | { readonly url: URL; readonly token?: string; readonly name: string }

export interface Call {
  readonly method: string
  /** With its query; starts with "/". */
  readonly path: string
  readonly body?: unknown
  readonly signal: AbortSignal
  /** Until the answer begins; null: as long as the other side works on it. */
  readonly bound: Ms | null
}

/** Nobody listens there any more; another holder may, a moment later. */
export function isGone(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.data['gone'] === true
}

/** An answer with status below 400; others are thrown as the AppError that the problem document names. */
export async function send(clock: Clock, address: Address, call: Call): Promise<IncomingMessage> {
  const deadline = createDeadline(clock, call.bound ?? 0x7fffffff, call.signal, `waiting for ${address.name}`)
  try {
    const reply = await deadline.within(open(address, call, deadline.signal))
    if ((reply.statusCode ?? 500) < 400) return reply
    throw problemError(address, reply.statusCode ?? 500, await deadline.within(readText(reply)))
  } catch (thrown) {
    deadline.end()
    throw thrown instanceof AppError ? thrown : connectionError(address, thrown)
  }
}

function open(address: Address, call: Call, signal: AbortSignal): Promise<IncomingMessage> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body)
  const headers: Record<string, string> = { accept: 'application/json, text/event-stream, application/problem+json' }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if ('url' in address && address.token !== undefined) headers['authorization'] = `Bearer ${address.token}`
  const options: RequestOptions = { method: call.method, headers, signal }
  return new Promise((resolve, reject) => {
    const request =
      'socket' in address
        ? httpRequest({ ...options, socketPath: address.socket, path: call.path, host: 'localhost' }, resolve)
        : (address.url.protocol === 'https:' ? httpsRequest : httpRequest)(
            under(address.url, call.path),
            options,
            resolve,
          )
    request.on('error', reject)
    request.end(body)
  })
}

/** `https://host/regista/` + `/api/v1/syncs`: a proxy may serve it below a path. */
function under(base: URL, path: string): URL {
  return new URL(base.pathname.replace(/\/$/, '') + path, base)
}

/** Bytes of an answer that a command keeps in memory. */
const mostBytes = 64 * 1024 * 1024

export async function readText(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of reply as AsyncIterable<Buffer>) {
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

const goneCodes = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE']

function connectionError(address: Address, thrown: unknown): AppError {
  const code = (thrown as NodeJS.ErrnoException).code ?? ''
  const next = 'url' in address ? 'is it running, and is the address right?' : 'try again'
  return new AppError('server.unreachable', `${address.name}: ${code || messageOf(thrown)}; ${next}`, {
    cause: thrown,
    data: { gone: goneCodes.includes(code) },
  })
}

/** One event of a stream: the `data` of `text/event-stream` blocks, parsed. Ends when the other side ends it. */
export async function* readEvents(reply: IncomingMessage): AsyncGenerator<{ type: string; id: string; data: unknown }> {
  let [type, id, data, rest] = ['message', '', '', '']
  reply.setEncoding('utf8')
  for await (const chunk of reply as AsyncIterable<string>) {
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
