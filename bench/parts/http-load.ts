/**
 * Load over HTTP/1.1 from a process of its own, so that it does not slow down what it measures: bare
 * sockets kept alive, one request at a time on each. Run with HttpLoad as JSON; prints HttpResult.
 */
import { connect, type Socket } from 'node:net'

export interface HttpLoad {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
  /** Bytes of value in each request. */
  readonly valueBytes: number
}

export interface HttpResult {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

const load = JSON.parse(process.argv[2]!) as HttpLoad
const now = () => performance.now()

let measuring = false
let failed = 0
const latencies: number[] = []
let serial = 0

const padding = 'x'.repeat(Math.max(0, load.valueBytes - 11))
const closingBrace = 0x7d

/** Each value differs from the one before: a store may skip what it already holds. */
function requestOf(connection: number): string {
  serial += 1
  const body = `{"value":"${String(serial).padStart(10, '0')}:${padding}"}`
  return `PUT ${load.path}/${connection}-${serial % 97} HTTP/1.1\r\nHost: 127.0.0.1:${load.port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Answers are one JSON object without objects in it: it is whole when it ends with a brace. */
function run(connection: number): Socket {
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
  let sent = 0
  const send = () => {
    sent = now()
    socket.write(requestOf(connection), 'latin1')
  }
  let begun = false
  socket.on('connect', send)
  socket.on('data', (data: Buffer) => {
    if (!begun && data.toString('latin1', 0, 12) !== 'HTTP/1.1 200') failed += 1
    begun = data.at(-1) !== closingBrace
    if (begun) return
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
