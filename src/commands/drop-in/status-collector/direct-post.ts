/** The original's one hot request, read past node's parser (ADR 13); answered in the same bytes as behind it. */
import { STATUS_CODES, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../../kernel/clock.ts'
import { statusPath, type Sent } from '../../../registries/claims/drop-in.ts'
import type { Admission } from '../../../server/access/guard.ts'
import type { Bound } from '../../../server/direct/bound.ts'
import { openLane, type Lane } from '../../../server/direct/lane.ts'
import { createTable } from '../../../server/direct/table.ts'

export interface DirectPostOptions {
  readonly post: (bytes: Uint8Array) => Promise<Sent>
  readonly clock: Clock
  /** Of a body. */
  readonly mostBytes: number
  readonly secure: boolean
}

const yes = () => true
const everybody: Admission = {
  caller: { name: 'anonymous', role: 'admin', scopes: null, subject: null },
  valid: yes,
  again: yes,
}

/** Only where nobody has to show who they are: who that is may have to be asked of a cluster first. */
export function openDirectPost(server: Server, { post, clock, mostBytes, secure }: DirectPostOptions): Lane {
  const dateOf = createDates(clock)
  const bound: Bound = {
    mostBytes,
    takes: yes,
    byParams: false,
    admit: () => everybody,
    answer: ({ body }, closes) => post(body).then((sent) => textOf(sent, closes, dateOf())),
    refuse: () => plainRefusal(500),
  }
  const table = createTable([{ route: { method: 'POST', path: statusPath }, of: bound }], [])
  return openLane(server, secure ? 'secureConnection' : 'connection', {
    routes: { table, identify: () => null },
    clock,
    refuse: (error, socket) => refuse(error, socket),
  })
}

function textOf({ answer: { status, headers, body, text }, id }: Sent, closes: boolean, date: string): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`
  // Go does not say that it keeps the connection, only that it does not.
  const last = closes ? 'Connection: close\r\n' : ''
  return `${head}X-Request-Id: ${id}\r\nContent-Length: ${body.length}\r\nDate: ${date}\r\n${last}\r\n${text ?? body.toString('latin1')}`
}

/** As node answers what never became a request. */
function refuse(error: Error, socket: Socket): void {
  socket.end(plainRefusal('code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400))
}

function plainRefusal(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`
}

function createDates(clock: Clock): () => string {
  let second = -1
  let text = ''
  return () => {
    const now = Math.floor(clock.now() / 1000)
    if (now !== second) text = new Date(now * 1000).toUTCString()
    second = now
    return text
  }
}
