import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Dispatcher } from 'undici'
import { failureOf, HttpFailure } from './failure.ts'

/** An answer whose headers are there. Its body is taken in one of three ways, once; until then it holds its connection. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; what came several times is a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The whole body, if it has no more than `most` bytes and does not keep its reader waiting for longer than `within` in all. */
  bytes(most: number, within?: Ms): Promise<Buffer>
  /** The body as it comes, no faster than it is taken. Leaving the loop early closes the connection. */
  chunks(): AsyncIterable<Buffer>
  /** Nobody wants the body: what is left is read if it is short, else the connection is closed. Does not wait. */
  dump(): void
}

/** The first value, where a header may come only once. */
export function headerOf({ headers }: HttpAnswer, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** Longer bodies are cheaper to cut off, at the price of a new connection, than to read. */
const longestDump = 64 << 10

export function createAnswer(
  data: Dispatcher.ResponseData,
  clock: Pick<Clock, 'monotonic'>,
  signal: AbortSignal,
  method: string,
): HttpAnswer {
  const { statusCode, headers, body } = data
  const bodiless = method === 'HEAD' || statusCode === 304 || statusCode === 204

  async function* chunks(): AsyncIterable<Buffer> {
    try {
      for await (const chunk of body) yield chunk as Buffer
    } catch (thrown) {
      throw failureOf(thrown, signal)
    }
  }

  return {
    status: statusCode,
    headers,
    chunks,
    async bytes(most, within = 60_000) {
      const length = bodiless ? 0 : Number(headers['content-length'] ?? 0)
      const parts: Buffer[] = []
      let size = 0
      const from = clock.monotonic()
      try {
        if (length > most) throw new HttpFailure('too-large', `${length} bytes`)
        // Each wait is bounded by the pause that is allowed between two chunks; this bounds bodies that drip.
        for await (const chunk of body) {
          parts.push(chunk as Buffer)
          size += (chunk as Buffer).length
          if (size > most) throw new HttpFailure('too-large', `more than ${most} bytes`)
          if (clock.monotonic() - from > within) throw new HttpFailure('timed-out', `${within} ms`)
        }
      } catch (thrown) {
        if (!body.destroyed) body.on('error', () => {}).destroy()
        throw failureOf(thrown, signal)
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
    },
    dump() {
      if (body.destroyed) return
      // What has no body only has to be taken to its end.
      if (bodiless) body.on('error', () => {}).resume()
      else body.dump({ limit: longestDump }).catch(() => {})
    },
  }
}
