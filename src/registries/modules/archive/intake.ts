import { createDeadline } from '../../../kernel/deadline.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'

/** The next piece of a blob takes less than a second; a registry that is silent for this long has hung. */
const longestSilence: Ms = 120_000

/** The bytes of a blob as they come, one piece at a time, with a place to put back what was not used. */
export interface Intake {
  /** null: the end, which the blob vouches for. */
  next(): Promise<Buffer | null>
  putBack(rest: Buffer): void
  /** At least so many bytes, fewer at the end; they stay. */
  peek(bytes: number): Promise<Buffer>
  /** Reads what is left: only at its end does a blob say whether it was what it should be. */
  drain(): Promise<void>
  /** Bytes that came over the wire. */
  readonly taken: number
  /** What the blob itself threw; kept apart from what is wrong with its content. */
  readonly failure: { readonly error: unknown } | null
  /** Lets go of the blob wherever it is. */
  close(): void
}

export function createIntake(blob: AsyncIterable<Uint8Array>, clock: Clock, signal: AbortSignal): Intake {
  const deadline = createDeadline(clock, longestSilence, signal, 'reading a layer')
  const pieces = deadline.each(blob)[Symbol.asyncIterator]()
  const held: Buffer[] = []
  let taken = 0
  let ended = false
  let failure: { readonly error: unknown } | null = null

  async function fetch(): Promise<Buffer | null> {
    if (failure !== null) throw failure.error
    if (ended) return null
    try {
      const piece = await pieces.next()
      if (piece.done === true) {
        ended = true
        return null
      }
      taken += piece.value.byteLength
      return Buffer.from(piece.value.buffer, piece.value.byteOffset, piece.value.byteLength)
    } catch (thrown) {
      failure = { error: signal.aborted ? signal.reason : thrown }
      throw failure.error
    }
  }

  async function next(): Promise<Buffer | null> {
    return held.shift() ?? (await fetch())
  }

  return {
    next,
    putBack(rest) {
      if (rest.length > 0) held.unshift(rest)
    },
    async peek(bytes) {
      let head: Buffer = Buffer.concat(held.splice(0))
      while (head.length < bytes) {
        const piece = await fetch()
        if (piece === null) break
        head = Buffer.concat([head, piece])
      }
      if (head.length > 0) held.unshift(head)
      return head
    },
    async drain() {
      held.length = 0
      while ((await fetch()) !== null);
    },
    get taken() {
      return taken
    },
    get failure() {
      return failure
    },
    close() {
      void pieces.return?.(undefined).catch(() => {})
      deadline.end()
    },
  }
}
