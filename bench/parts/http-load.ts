/** Puts of keys, from a process of its own so that it does not slow down what it measures. Run with HttpLoad as JSON. */
import { load, type SocketLoad, type Talk } from './socket-load.ts'

export interface HttpLoad extends SocketLoad {
  readonly path: string
  /** Bytes of value in each request. */
  readonly valueBytes: number
}

const asked = JSON.parse(process.argv[2]!) as HttpLoad
let serial = 0

const padding = 'x'.repeat(Math.max(0, asked.valueBytes - 11))
const closingBrace = 0x7d

/** Each value differs from the one before: a store may skip what it already holds. */
function requestOf(connection: number): string {
  serial += 1
  const body = `{"value":"${String(serial).padStart(10, '0')}:${padding}"}`
  return `PUT ${asked.path}/${connection}-${serial % 97} HTTP/1.1\r\nHost: 127.0.0.1:${asked.port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Answers are one JSON object without objects in it: it is whole when it ends with a brace. */
function talkOf(connection: number): Talk {
  let good = true
  let begun = false
  return {
    next: () => requestOf(connection),
    take(data) {
      if (!begun) good = data.toString('latin1', 0, 12) === 'HTTP/1.1 200'
      begun = data.at(-1) !== closingBrace
      return begun ? 'more' : good ? 'whole' : 'failed'
    },
  }
}

load(asked, talkOf)
