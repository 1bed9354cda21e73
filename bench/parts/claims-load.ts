/**
 * Posts of claims over HTTP/1.1 from a process of its own: bare sockets kept alive, one request at a time on each.
 * Run with ClaimsLoad as JSON; prints HttpResult, in requests.
 */
import { connect, type Socket } from 'node:net'
import type { HttpResult } from './http-load.ts'

export interface ClaimsLoad {
  readonly port: number
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
  /** Statuses of one request; 1: posts as the original's informers send them. */
  readonly batch: number
  /** Each request says something new. */
  readonly changing: boolean
}

const load = JSON.parse(process.argv[2]!) as ClaimsLoad
const now = () => performance.now()
/** Of all clusters together; each connection speaks for one. */
const allClaims = 10_000
const claims = Math.ceil(allClaims / load.connections)

let measuring = false
let failed = 0
let serial = 0
const latencies: number[] = []

const message = 'Unready resources: network, disk, and 1 more; last seen'

function head(method: string, path: string, length: number): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${load.port}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
}

function single(connection: number): string {
  serial += 1
  const mark = String(load.changing ? serial : 0).padStart(10, '0')
  const body = `{"cluster":"cluster-${connection}","claimRef":"default/claim-${serial % claims}","statusMessage":"${message} ${mark}"}`
  return head('POST', '/api/v1/status', body.length) + body
}

/** Where the changing part goes, the pieces are joined: making bodies must not be what is measured. */
function createBatches(connection: number): () => string {
  const pages = Math.max(1, Math.floor(claims / load.batch))
  const pieces = Array.from({ length: pages }, (_, page) => piecesOf(connection, page))
  const texts = pieces.map((parts) => parts.join('0000000000'))
  let turn = 0
  return () => {
    turn += 1
    serial += 1
    const page = turn % pages
    const body = load.changing ? pieces[page]!.join(String(serial).padStart(10, '0')) : texts[page]!
    return head('POST', '/api/v1/status/batch', body.length) + body
  }
}

function piecesOf(connection: number, page: number): string[] {
  const items = Array.from({ length: load.batch }, (_, index) => {
    const name = `claim-${page * load.batch + index}`
    const object = `"group":"resources.example.org","kind":"Database","namespace":"default","name":"${name}"`
    const named = `"cluster":"cluster-${connection}","claimRef":"default/${name}",${object}`
    return `{${named},"health":"creating","generation":3,"statusMessage":"${message} §"}`
  })
  return `{"cluster":"cluster-${connection}","items":[${items.join(',')}]}`.split('§')
}

const length = /^content-length: (\d+)/im

function run(connection: number): Socket {
  const next = load.batch === 1 ? () => single(connection) : createBatches(connection)
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
  let sent = 0
  let missing = 0
  const send = () => {
    sent = now()
    socket.write(next(), 'latin1')
  }
  socket.on('connect', send)
  socket.on('data', (data: Buffer) => {
    if (missing === 0) {
      const text = data.toString('latin1')
      if (!text.startsWith('HTTP/1.1 20')) failed += 1
      missing = Number(length.exec(text)?.[1]) + text.indexOf('\r\n\r\n') + 4
    }
    missing -= data.length
    if (missing > 0) return
    missing = 0
    if (measuring) latencies.push(now() - sent)
    send()
  })
  socket.on('error', () => {
    failed += 1
  })
  return socket
}

const sockets = Array.from({ length: load.connections }, (_, connection) => run(connection))
setTimeout(() => {
  measuring = true
  const from = now()
  setTimeout(() => {
    const took = now() - from
    for (const socket of sockets) socket.destroy()
    latencies.sort((a, b) => a - b)
    const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
    const result: HttpResult = { perSecond: (latencies.length / took) * 1000, p50: at(0.5), p99: at(0.99), failed }
    process.stdout.write(JSON.stringify(result))
  }, load.ms)
}, load.warmUpMs)
