/**
 * What containers and commands in them write. The engine sends it in frames, eight bytes before each piece (stream,
 * three zeros, length), or as it is where there is a terminal; versions before 1.42 do not say which.
 */

const header = 8
/** No engine sends longer ones; what looks so is no frame. */
const longestFrame = 1 << 20

/** The last `most` bytes of it, as text. */
export async function readOutput(chunks: AsyncIterable<Uint8Array>, most: number): Promise<string> {
  let framed: boolean | null = null
  let pending: Buffer = Buffer.alloc(0)
  let kept: Buffer = Buffer.alloc(0)
  const keep = (piece: Uint8Array) => {
    kept = Buffer.concat([kept, piece])
    if (kept.length > most) kept = kept.subarray(kept.length - most)
  }
  for await (const chunk of chunks) {
    pending = Buffer.concat([pending, chunk])
    if (pending.length < header) continue
    framed ??= isFrame(pending)
    while (framed && pending.length >= header) {
      const end = header + pending.readUInt32BE(4)
      if (!isFrame(pending)) framed = false
      else if (pending.length < end) break
      else {
        keep(pending.subarray(header, end))
        pending = pending.subarray(end)
      }
    }
    if (framed) continue
    keep(pending)
    pending = Buffer.alloc(0)
  }
  // It broke off inside a frame: what came of it counts.
  keep(framed === true ? pending.subarray(header) : pending)
  return kept.toString('utf8')
}

function isFrame(bytes: Buffer): boolean {
  return bytes[0]! <= 2 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0 && bytes.readUInt32BE(4) <= longestFrame
}
