/**
 * The lines of a stream, each wherever its chunks were cut. It pulls: as long as a line is being
 * worked on, nothing more is read and TCP slows the sender down.
 */
export interface LineOptions {
  /** Longest line in bytes; what is longer is never held as a whole. */
  readonly most: number
  readonly tooLong: () => Error
  /** It ended inside a line: what is there of it is no line. */
  readonly cutOff: () => Error
}

export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  { most, tooLong, cutOff }: LineOptions,
): AsyncGenerator<string, void, undefined> {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(0x0a, from)
      const part = chunk.subarray(from, end === -1 ? undefined : end)
      size += part.length
      if (size > most) throw tooLong()
      if (part.length > 0) parts.push(part)
      if (end === -1) break
      const line = Buffer.concat(parts).toString('utf8')
      parts = []
      size = 0
      from = end + 1
      if (line !== '') yield line
    }
  }
  if (size > 0) throw cutOff()
}
