/** How a request reached the server: decided by the door it came through, never by what it says. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { addressGroup, isLoopback } from './access/addresses.ts'

/** A request as far as access needs it. */
export interface Arrival {
  readonly socket: Socket
  readonly headers: IncomingHttpHeaders
}

export interface Door {
  /**
   * network  TCP: everything is checked
   * socket   the Unix socket of the state folder (0600): whoever can open it may do everything
   * inside   a command in this process that holds the state itself
   * metrics  the port of its own for metrics and health
   */
  readonly kind: 'network' | 'socket' | 'inside' | 'metrics'
  readonly tls: boolean
}

export interface Peer {
  readonly address: string
  readonly loopback: boolean
  /** What unknown callers are counted under. */
  readonly group: string
}

const doors = new WeakMap<Socket, Door>()
const peers = new WeakMap<Socket, Peer>()

/** Called by each listener for each connection. */
export function markDoor(socket: Socket, door: Door): void {
  doors.set(socket, door)
}

/** Where requests made inside the process say to come from. No socket does: its address is the kernel's word. */
export const insideAddress = 'inside'

const inside: Door = { kind: 'inside', tls: false }

/** Null: through no door of ours; such a request must be refused. */
export function doorOf({ socket }: Arrival): Door | null {
  return doors.get(socket) ?? (socket.remoteAddress === insideAddress ? inside : null)
}

export function peerOf(request: Arrival, behindProxy: boolean): Peer {
  // The proxy appends the address that it saw; what stands before may be the caller's own invention.
  const forwarded = behindProxy
    ? String(request.headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)
        ?.trim()
    : ''
  if (forwarded) return peer(forwarded, false)
  const known = peers.get(request.socket)
  if (known !== undefined) return known
  const address = request.socket.remoteAddress ?? ''
  const made = peer(address, !behindProxy && isLoopback(address))
  peers.set(request.socket, made)
  return made
}

function peer(address: string, loopback: boolean): Peer {
  return { address, loopback, group: addressGroup(address) }
}
