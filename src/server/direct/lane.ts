/** Answers direct requests on the connections of a server before its own HTTP parser sees them (ADR 13). */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { DirectRoutes } from './bound.ts'
import { openConnection, type Connection } from './connection.ts'

export interface Lane {
  /** From now on answers end their connections; those without a request under way end at once. */
  closeIdle(): void
  closeAll(): void
}

export interface LaneOptions {
  readonly routes: DirectRoutes
  readonly clock: Clock
  /** Answers what never became a request. */
  readonly refuse: (error: Error, socket: Socket) => void
}

const sweepEvery: Ms = 1000

/** As node's own parser calls them. */
const refusals = {
  broken: () => Object.assign(new Error('the request is not whole'), { code: 'HPE_INVALID_EOF_STATE' }),
  late: () => Object.assign(new Error('no request came'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
}

/** `event`: by which the server learns of connections that can be read from. Its own listener gets what is handed over. */
export function openLane(
  server: Server,
  event: 'connection' | 'secureConnection',
  { routes, clock, refuse }: LaneOptions,
): Lane {
  const connections = new Set<Connection>()
  const closing = new AbortController()
  const ordinary = server.listeners(event)
  server.removeAllListeners(event)

  function handOver(socket: Socket, bytes: Buffer): void {
    if (socket.destroyed) return
    socket.pause()
    if (bytes.length > 0) socket.unshift(bytes)
    for (const listener of ordinary) listener.call(server, socket)
    socket.resume()
  }

  server.on(event, (socket: Socket) => {
    const connection = openConnection({
      socket,
      routes,
      clock,
      stopping: () => closing.signal.aborted,
      handOver: (bytes) => handOver(socket, bytes),
      refuse: (why) => refuse(refusals[why](), socket),
      left: () => connections.delete(connection),
    })
    connections.add(connection)
  })

  async function sweep(): Promise<void> {
    for (;;) {
      await clock.sleep(sweepEvery, closing.signal)
      if (closing.signal.aborted) return
      for (const connection of connections) connection.sweep()
    }
  }
  server.once('listening', () => void sweep())

  return {
    closeIdle() {
      closing.abort()
      for (const connection of connections) if (connection.idle()) connection.destroy()
    },
    closeAll() {
      closing.abort()
      for (const connection of connections) connection.destroy()
    },
  }
}
