/**
 * Reads requests from one connection and answers them, each with one write. Hands the connection over at the first
 * request that is not plainly one of ours, with all bytes from its first on.
 */
import type { Socket } from 'node:net'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Admission } from '../access/guard.ts'
import type { Arrival } from '../arrival.ts'
import type { DirectRoutes } from './bound.ts'
import { createHeadReader, type Head } from './head-reader.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly routes: DirectRoutes
  readonly clock: Pick<Clock, 'monotonic'>
  /** The server stops: answers end their connections. */
  readonly stopping: () => boolean
  /** Gives the connection to node's server, which reads on from `bytes`. */
  handOver(bytes: Buffer): void
  /** Answers a request that never became one. */
  refuse(why: 'broken' | 'late'): void
  /** It is over, or somebody else's. */
  left(): void
}

export interface Connection {
  /** Nothing is under way: half a request, an answer that is awaited, or one that is not taken. */
  idle(): boolean
  /** Looks at what takes too long. */
  sweep(): void
  destroy(): void
}

/** Requests of one connection whose answers are awaited; what comes after is read when they are there. */
const mostAwaited = 16
/** What is answered at once is sent in pieces of about this size. */
const pieceLength = 64 * 1024
/** A request in more pieces than that, before its length is known, is node's. */
const mostPieces = 8
/** A larger body is not kept for somebody who is not known yet. */
const mostOfStrangers = 64 * 1024
/** A request that has not come as a whole after this time is node's, whose limits hold from then on. */
const longestPart: Ms = 2000
const longestIdle: Ms = 65_000
/** Before the first request, as node's own `headersTimeout`. */
const longestSilence: Ms = 10_000
/** A reader that takes nothing for this long is gone. */
const longestStall: Ms = 60_000
/** A credential is looked at as a whole again after this time: its use is recorded then. */
const longestAdmission: Ms = 60_000

const noBody = Buffer.alloc(0)

interface Slot {
  text: string | null
}

export function openConnection(options: ConnectionOptions): Connection {
  const { socket, routes, clock } = options
  const reader = createHeadReader(routes.table)
  const admit = createAdmissions(routes, socket)
  /** What has come and is no whole request yet, or waits for room. */
  let held: Buffer[] = []
  let heldBytes = 0
  /** Of which the request at the front has so many, once its head is there; else 0. */
  let needed = 0
  /** How often there was too little of it to know that. */
  let pieces = 0
  /** Of the request at the front, where its body is still to come. */
  let early: Admission | null = null
  /** In order; the first is the next to be sent. */
  const awaited: Slot[] = []
  let lastAt = clock.monotonic()
  let partAt = lastAt
  let asked = false
  let stalled = false
  /** The next request is not ours, and answers before it are awaited. */
  let giving = false
  /** After what is awaited nothing more is answered. */
  let ending = false
  /** The client sends no more. */
  let finished = false
  let over = false

  const isBlocked = () => stalled || giving || awaited.length >= mostAwaited

  function leave(): void {
    over = true
    socket.removeListener('data', take).removeListener('drain', drained).removeListener('end', finish)
    socket.removeListener('error', ignore).removeListener('close', leave)
    options.left()
  }

  function send(text: string): void {
    if (text !== '' && !over && !socket.write(text, 'latin1')) stalled = true
  }

  function give(): void {
    const bytes = takeHeld()
    leave()
    options.handOver(bytes)
  }

  function takeHeld(): Buffer {
    const bytes = held.length === 1 ? held[0]! : Buffer.concat(held, heldBytes)
    held = []
    heldBytes = 0
    needed = 0
    return bytes
  }

  function hold(bytes: Buffer, at: number): void {
    if (at === bytes.length) return
    if (heldBytes === 0) partAt = clock.monotonic()
    held.push(at === 0 ? bytes : bytes.subarray(at))
    heldBytes += bytes.length - at
  }

  function take(chunk: Buffer): void {
    if (ending) return
    lastAt = clock.monotonic()
    if (heldBytes === 0 && !isBlocked()) {
      read(chunk)
    } else {
      hold(chunk, 0)
      if (heldBytes >= needed && !isBlocked()) read(takeHeld())
    }
    if (!over && isBlocked()) socket.pause()
  }

  /** Answers all whole requests in these bytes, and keeps the rest. */
  function read(bytes: Buffer): void {
    let at = 0
    let out = ''
    while (at < bytes.length && !ending && !isBlocked()) {
      const head = reader.read(bytes, at)
      if (head === 'part' && (pieces += 1) <= mostPieces) break
      if (head === 'part' || head === 'odd') {
        giving = true
        break
      }
      pieces = 0
      const bodyAt = at + head.size
      const end = bodyAt + head.length
      if (end > bytes.length) {
        if (mayComeIn(head)) needed = end - at
        else giving = true
        break
      }
      out = answer(head, head.length === 0 ? noBody : bytes.subarray(bodyAt, end), out)
      at = end
      if (out.length > pieceLength) {
        send(out)
        out = ''
      }
    }
    send(out)
    if (!ending) hold(bytes, at)
    settle()
  }

  /** Also asks before the body is here: nobody who may not shall fill the memory. */
  function mayComeIn(head: Head): boolean {
    if (early !== null) return true
    try {
      const admission = admit(head, lastAt)
      if (admission instanceof Promise) return head.length <= mostOfStrangers
      early = admission
      return true
    } catch {
      // Node's server says so, and knows what to do with the body.
      return false
    }
  }

  /** Appends the answer, or awaits it. */
  function answer(head: Head, body: Buffer, out: string): string {
    asked = true
    const closes = head.block.closes || options.stopping()
    if (closes) ending = true
    const made = respond(head, body, closes, lastAt)
    if (typeof made === 'string' && awaited.length === 0) return out + made
    const slot: Slot = { text: null }
    awaited.push(slot)
    if (typeof made === 'string') slot.text = made
    else void made.then((text) => answered(slot, text))
    return out
  }

  function respond(head: Head, body: Buffer, closes: boolean, begun: Ms): string | Promise<string> {
    const { of: bound, params } = head.found
    const { contentType, headers } = head.block
    const go = ({ caller }: Admission) => bound.answer({ body, params, contentType, caller, headers }, closes, begun)
    try {
      const admission = early ?? admit(head, begun)
      early = null
      if (!(admission instanceof Promise)) return go(admission)
      return admission.then(go).catch((thrown: unknown) => bound.refuse(thrown, closes, begun))
    } catch (thrown) {
      return bound.refuse(thrown, closes, begun)
    }
  }

  function answered(slot: Slot, text: string): void {
    slot.text = text
    if (over || awaited[0] !== slot) return
    let out = ''
    while (awaited.length > 0 && awaited[0]!.text !== null) out += awaited.shift()!.text!
    send(out)
    goOn()
  }

  function drained(): void {
    stalled = false
    lastAt = clock.monotonic()
    goOn()
  }

  /** There is room again. */
  function goOn(): void {
    if (heldBytes > 0 && heldBytes >= needed && !isBlocked()) read(takeHeld())
    else settle()
    if (!over && !isBlocked() && socket.isPaused()) socket.resume()
  }

  /** What remains to be done once nothing is awaited. */
  function settle(): void {
    if (over || awaited.length > 0) return
    if (ending) socket.destroySoon()
    else if (giving) give()
    else if (finished && !isBlocked()) {
      ending = true
      if (heldBytes > 0) options.refuse('broken')
      else socket.end()
    }
  }

  function finish(): void {
    finished = true
    settle()
  }

  const ignore = () => {}
  socket.on('data', take).on('drain', drained).on('end', finish).on('error', ignore).on('close', leave)

  return {
    idle: () => heldBytes === 0 && awaited.length === 0 && socket.writableLength === 0,
    destroy: () => void socket.destroy(),
    sweep() {
      const now = clock.monotonic()
      if (over || awaited.length > 0) return
      if (stalled || ending) {
        if (now - lastAt > longestStall) socket.destroy()
      } else if (heldBytes > 0) {
        if (now - partAt > longestPart) give()
      } else if (now - lastAt > (asked ? longestIdle : longestSilence)) {
        ending = true
        if (asked) socket.destroy()
        else options.refuse('late')
      }
    },
  }
}

/** Who asks, decided once for all requests of a connection that say the same about it. Throws for who may not. */
function createAdmissions(
  routes: DirectRoutes,
  socket: Socket,
): (head: Head, now: Ms) => Admission | Promise<Admission> {
  let last: { readonly head: Head; readonly admission: Admission; readonly at: Ms } | null = null

  function ask(head: Head, arrival: Arrival, now: Ms): Admission {
    const admission = head.found.of.admit(arrival, head.found.params)
    last = { head, admission, at: now }
    return admission
  }

  return (head, now) => {
    if (last !== null && saysTheSame(head, last.head) && now - last.at < longestAdmission) {
      if (last.admission.again?.() === true) return last.admission
    }
    last = null
    // Its own each time: what was found of a credential is kept with it.
    const arrival: Arrival = { socket, headers: head.block.headers }
    const waiting = routes.identify(arrival)
    return waiting === null ? ask(head, arrival, now) : waiting.then(() => ask(head, arrival, now))
  }
}

function saysTheSame(head: Head, before: Head): boolean {
  if (head === before) return true
  const { of } = head.found
  return head.block === before.block && of === before.found.of && (!of.byParams || head.found === before.found)
}
