/**
 * A fleet that reports as fleets do: so many single heartbeats a second, evenly, over kept connections, each sent when
 * it is due whether or not the one before was answered; and watchers of the event stream. Run with Steady as JSON;
 * prints SteadyResult.
 */
import { connect, type Socket } from 'node:net'
import { memberOf, namesOf } from './services-fleet.ts'

export interface Steady {
  readonly port: number
  readonly token: string
  readonly services: number
  readonly connections: number
  readonly perSecond: number
  readonly watchers: number
  readonly ms: number
}

export interface SteadyResult {
  readonly sent: number
  readonly answered: number
  readonly failed: number
  /** Of answers, in ms. */
  readonly p50: number
  readonly p99: number
  /** Watchers that were still connected in the end. */
  readonly watching: number
}

const asked = JSON.parse(process.argv[2]!) as Steady
const { port, token, services, perSecond } = asked
const common = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n`
/** A step of the pace; finer ones cost more than they smooth. */
const stepMs = 5

let number = 0
let [sent, answered, failed] = [0, 0, 0]
const latencies: number[] = []

interface Lane {
  readonly socket: Socket
  readonly due: number[]
}

function beat(): string {
  // A prime stride goes through all of them, in no order.
  number = (number + 700_001) % services
  const member = memberOf(number)
  const body = `{"service_type":"${member.type}",${namesOf(member)},"timestamp":"${new Date().toISOString()}","healthy":true}`
  return `POST /api/services/heartbeat HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const status = Buffer.from('HTTP/1.1 ')

function openLane(): Lane {
  const lane: Lane = { socket: connect({ port, host: '127.0.0.1', noDelay: true }), due: [] }
  lane.socket.on('data', (data: Buffer) => {
    // Answers are small and alike: each that begins in this piece counts.
    for (let at = data.indexOf(status); at !== -1; at = data.indexOf(status, at + status.length)) {
      answered += 1
      if (data[at + 9] !== 0x32) failed += 1
      const began = lane.due.shift()
      if (began !== undefined && answered % 8 === 0) latencies.push(performance.now() - began)
    }
  })
  lane.socket.on('error', () => (failed += 1))
  return lane
}

function watch(): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(`GET /api/admin/services/events/stream HTTP/1.1\r\n${common}Accept: text/event-stream\r\n\r\n`)
  socket.on('error', () => undefined)
  socket.resume()
  return socket
}

const watchers = Array.from({ length: asked.watchers }, watch)
const lanes = Array.from({ length: asked.connections }, openLane)
const began = performance.now()
let turn = 0
const pace = setInterval(() => {
  const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
  while (sent < due) {
    const lane = lanes[turn++ % lanes.length]!
    // Who is not answered for so long gets no more, and that shows in what was sent.
    if (lane.due.length > 64) {
      if (turn % lanes.length === 0) break
      continue
    }
    lane.due.push(performance.now())
    lane.socket.write(beat(), 'latin1')
    sent += 1
  }
}, stepMs)

setTimeout(() => {
  clearInterval(pace)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
  const watching = watchers.filter((socket) => !socket.destroyed && socket.bytesRead > 0).length
  const result: SteadyResult = { sent, answered, failed, p50: at(0.5), p99: at(0.99), watching }
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}, asked.ms)
