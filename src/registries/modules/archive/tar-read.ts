import { once } from 'node:events'
import { extract, type Extract } from 'tar-stream'

export type TarEntry = Extract extends AsyncIterable<infer Entry> ? Entry : never

// Tars from before 1988 have no magic; Docker takes them.
const options: object = { allowUnknownFormat: true }

/** Calls `onEntry` for each entry in turn; it may read the entry's content, or leave it to be skipped. */
export async function readTar(
  plain: AsyncIterable<Buffer>,
  onEntry: (entry: TarEntry) => Promise<void> | void,
): Promise<void> {
  const parser = extract(options)
  const feeding = feed(plain, parser)
  // What it throws reaches the loop through the parser.
  feeding.catch((thrown: unknown) => parser.destroy(thrown as Error))
  try {
    for await (const entry of parser) {
      await onEntry(entry)
      entry.resume()
    }
    await feeding
  } finally {
    parser.destroy()
    await feeding.catch(() => {})
  }
}

async function feed(plain: AsyncIterable<Buffer>, parser: Extract): Promise<void> {
  for await (const piece of plain) {
    if (parser.destroyed) return
    if (parser.write(piece)) continue
    const turned = new AbortController()
    const wait = { signal: turned.signal }
    await Promise.race([once(parser, 'drain', wait), once(parser, 'close', wait)]).catch(() => {})
    turned.abort(null)
  }
  parser.end(null)
}
