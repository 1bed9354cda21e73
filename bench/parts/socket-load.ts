/** HTTP/1.1 over bare sockets kept alive, one request at a time on each: what a load process has in common with another. */
import { connect, type Socket } from 'node:net'

export interface SocketLoad {
  readonly port: number
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
}

export interface HttpResult {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

/** One connection's side of the talk. */
export interface Talk {
  next(): string
  /** Takes a part of an answer and tells whether that is whole now, and was a good one. */
  take(data: Buffer): 'more' | 'whole' | 'failed'
}

const length = /^content-length: (\d+)/im

/** Answers that say how long they are. `isGood` gets their beginning. */
export function talkOf(next: () => string, isGood: (text: string) => boolean): Talk {
  let missing = 0
  let good = true
  return {
    next,
    take(data) {
      if (missing === 0) {
        const text = data.toString('latin1')
        good = isGood(text)
        missing = Number(length.exec(text)?.[1]) + text.indexOf('\r\n\r\n') + 4
      }
      missing -= data.length
      if (missing > 0) return 'more'
      missing = 0
      return good ? 'whole' : 'failed'
    },
  }
}

/** Prints HttpResult when the time is over. */
export function load({ port, connections, warmUpMs, ms }: SocketLoad, talkOf: (connection: number) => Talk): void {
  const now = () => performance.now()
  let measuring = false
  let failed = 0
  const latencies: number[] = []

  function run(connection: number): Socket {
    const talk = talkOf(connection)
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let sent = 0
    const send = () => {
      sent = now()
      socket.write(talk.next(), 'latin1')
    }
    socket.on('connect', send)
    socket.on('data', (data: Buffer) => {
      const took = talk.take(data)
      if (took === 'more') return
      if (took === 'failed') failed += 1
      if (measuring) latencies.push(now() - sent)
      send()
    })
    socket.on('error', () => {
      failed += 1
    })
    return socket
  }

  const sockets = Array.from({ length: connections }, (_, connection) => run(connection))
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
    }, ms)
  }, warmUpMs)
}
