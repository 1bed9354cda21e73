/** One listening address. Fastify only routes: limits, time-outs and closing are node's own. */
import { createServer as createHttp, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock, Ms } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { markDoor, type Door } from './arrival.ts'
import type { DirectRoutes } from './direct/bound.ts'
import { openLane, type Lane } from './direct/lane.ts'
import { problemOf, problemType, requestError } from './problem.ts'
import type { Certificates } from './tls.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface ListenerOptions {
  readonly door: Door
  readonly handler: Handler
  readonly connections: number
  readonly certificates: Certificates | null
  readonly clock: Clock
  /** What is answered before node parses it; null: nothing. */
  readonly direct: DirectRoutes | null
}

export interface Listener {
  readonly server: Server
  /** Ends what is idle, waits for what runs until `bound` has passed, then cuts it off. */
  close(bound: Ms): Promise<void>
}

/** Longer than the 60 s after which common proxies give an idle connection up. */
export const keepAlive: Ms = 65_000

const limits: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: keepAlive,
  noDelay: true,
  // A request without Host gets a problem document like every other, not node's bare answer.
  requireHostHeader: false,
}

const closePoll: Ms = 20

export function createListener(options: ListenerOptions): Listener {
  const { door, handler, connections, certificates, clock, direct } = options
  const server =
    certificates === null
      ? createHttp(limits, handler)
      : createHttps({ ...limits, ...certificates.current, ...certificates.policy }, handler)
  server.maxConnections = connections
  const event = certificates === null ? 'connection' : 'secureConnection'
  const lane =
    direct === null || direct.table.size === 0
      ? undefined
      : openLane(server, event, { routes: direct, clock, refuse: answerBroken })
  server.on(event, (socket: Socket) => markDoor(socket, door))
  server.on('clientError', answerBroken)
  certificates?.serve(server)

  return {
    server,
    close: (bound) => closeWithin(server, clock, bound, lane),
  }
}

/** Takes nobody new, lets what is under way end within the bound, and cuts off the rest. */
export async function closeWithin(
  server: Server,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
  bound: Ms,
  lane?: Lane,
): Promise<void> {
  const until = clock.monotonic() + bound
  const closed = new AbortController()
  const done = new Promise<void>((resolve) => {
    server.close(() => {
      closed.abort()
      resolve()
    })
  })
  while (!closed.signal.aborted && clock.monotonic() < until) {
    server.closeIdleConnections()
    lane?.closeIdle()
    await clock.sleep(closePoll, closed.signal)
  }
  server.closeAllConnections()
  lane?.closeAll()
  await done
}

/** What is no HTTP, too large or too slow never becomes a request; it gets its answer here. */
function answerBroken(error: Error, socket: Duplex): void {
  if (!socket.writable || (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const body = JSON.stringify(problemOf(requestError(error), ''))
  const { status } = requestError(error)
  socket.end(
    `HTTP/1.1 ${status} ${statusText(status)}\r\ncontent-type: ${problemType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function statusText(status: number): string {
  return status === 431 ? 'Request Header Fields Too Large' : status === 408 ? 'Request Timeout' : 'Bad Request'
}

export function listenOn(server: Server, host: string, port: number): Promise<AddressInfo> {
  return listening(server, () => server.listen({ host, port }), `${host}:${port}`).then(
    () => server.address() as AddressInfo,
  )
}

/** The longest path that fits into sockaddr_un on Linux. */
const longestPath = 107

/** Only the owner can open it, from the first moment: the mode of a socket is set by umask when it is bound. */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new AppError('config.invalid', `the path of the socket is longer than ${longestPath} bytes: ${path}`)
  }
  await listening(
    server,
    () => {
      const before = process.umask(0o177)
      try {
        server.listen(path)
      } finally {
        process.umask(before)
      }
    },
    path,
  )
}

function listening(server: Server, listen: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'something else listens there' : (error.code ?? error.message)
      reject(new AppError('config.invalid', `cannot listen on ${where}: ${why}`, { cause: error }))
    }
    server.once('error', fail)
    server.once('listening', () => {
      server.removeListener('error', fail)
      resolve()
    })
    listen()
  })
}
