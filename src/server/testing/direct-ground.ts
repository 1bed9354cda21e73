/** Routes that are answered directly, and connections that send bytes as they are. */
import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { directRoute, route, type Route } from '../../kernel/route.ts'

const common = { role: 'operator', tag: 'test', summary: 'Test' } as const

export interface Ground {
  readonly routes: readonly Route[]
  /** What answers of /slow wait for. */
  readonly gates: PromiseWithResolvers<void>[]
  /** Of /slow, when its next request has come. */
  arrived: PromiseWithResolvers<void>
}

/** `{"text":…}` comes back as it is, with who asked and how it came. */
export function createGround(): Ground {
  const gates: PromiseWithResolvers<void>[] = []
  const echo = (body: Buffer, more: object) => JSON.stringify({ ...more, got: body.toString('utf8') })
  const ground: Ground = {
    gates,
    arrived: Promise.withResolvers(),
    routes: [
      directRoute({
        ...common,
        method: 'POST',
        path: '/test/echo',
        within: { services: 'beat', own: true },
        rawBody: z.unknown(),
        mostBytes: 3_000_000,
        direct({ body, caller, contentType }) {
          if (body.includes('no such')) throw new AppError('request.not-found', 'no such thing')
          if (body.includes('bug')) throw new Error('the inner secret')
          const { name, subject } = caller
          return { status: 200, body: echo(body, { name, subject, contentType }) }
        },
      }),
      directRoute({
        ...common,
        method: 'POST',
        path: '/test/slow',
        rawBody: z.unknown(),
        async direct({ body }) {
          const gate = Promise.withResolvers<void>()
          gates.push(gate)
          ground.arrived.resolve()
          await gate.promise
          if (body.includes('full')) throw new AppError('journal.full', 'no room')
          return { status: 201, body: echo(body, {}), headers: { 'retry-after': '1' } }
        },
      }),
      directRoute({
        ...common,
        method: 'GET',
        role: 'viewer',
        path: '/test/known/:id',
        params: z.object({ id: z.string().max(40) }),
        direct: ({ params }) => ({ status: 200, body: JSON.stringify({ known: params['id'] }) }),
      }),
      route({
        ...common,
        method: 'GET',
        role: 'viewer',
        path: '/test/known/all',
        handle: () => Promise.resolve({ body: 'all of them' }),
      }),
      route({
        ...common,
        method: 'PUT',
        path: '/test/kv/*',
        direct: 'handle',
        within: { kv: '*' },
        params: z.object({ '*': z.string().max(40) }),
        body: z.object({ value: z.string(), times: z.int().default(1) }),
        handle: ({ params, body, headers }) =>
          Promise.resolve({ body: { ...params, ...body, if: headers['if-match'] ?? null }, headers: { etag: '"1"' } }),
      }),
      route({
        ...common,
        method: 'DELETE',
        path: '/test/kv/*',
        direct: 'handle',
        params: z.object({ '*': z.string() }),
        handle: () => Promise.resolve({}),
      }),
    ],
  }
  return ground
}

export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface Line {
  readonly socket: Socket
  send(text: string | Buffer): void
  /** The next whole answer. Rejects when the connection ends before. */
  reply(): Promise<Reply>
  /** Whatever comes until the other side ends. */
  rest(): Promise<string>
}

export function talk(to: { port: number; host: string } | { path: string } | Socket): Line {
  const socket = 'write' in to ? to : connect({ ...to, allowHalfOpen: true } as NetConnectOpts)
  let got = Buffer.alloc(0)
  let ended = false
  let wake = Promise.withResolvers<void>()
  const moved = () => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  socket.on('data', (part: Buffer) => {
    got = Buffer.concat([got, part])
    moved()
  })
  const over = () => {
    ended = true
    moved()
  }
  socket.on('end', over).on('close', over).on('error', over)

  return {
    socket,
    send: (text) => void socket.write(text),
    async reply() {
      for (;;) {
        const found = parse(got)
        if (found !== null) {
          got = got.subarray(found.size)
          return found.reply
        }
        if (ended) throw new Error(`ended after ${JSON.stringify(got.toString('latin1'))}`)
        await wake.promise
      }
    },
    async rest() {
      while (!ended) await wake.promise
      socket.destroy()
      if (!socket.closed) await once(socket, 'close')
      return got.toString('utf8')
    },
  }
}

function parse(bytes: Buffer): { reply: Reply; size: number } | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const length = Number(headers.get('content-length') ?? 0)
  const size = end + 4 + length
  if (bytes.length < size) return null
  return { reply: { status: Number(first.split(' ')[1]), headers, body: bytes.toString('utf8', end + 4, size) }, size }
}

export interface Asking {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** `headers` come after Host, and before Content-Length; `-`: not this one. */
export function request({ method = 'POST', path = '/test/echo', body, headers = {} }: Asking): string {
  const lines = Object.entries({ 'Host': 'localhost', 'Content-Type': 'application/json', ...headers }).filter(
    ([, value]) => value !== '-',
  )
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${length}\r\n${body ?? ''}`
}
