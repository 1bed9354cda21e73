/** A thread that reads manifests, see manifest-reader.ts. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { readManifestFileNow } from './manifest-files.ts'
import type { ReaderData, ToldManifest } from './manifest-reader.ts'
import { readManifest } from './manifest/manifest.ts'
import { ManifestError, shownFile } from './manifest/problem.ts'
import { reading } from './sort-out.ts'

const port = parentPort!
const { directory, rules } = workerData as ReaderData

port.on('message', (names: readonly string[]) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
  port.postMessage(names.map(read))
})

function read(name: string): ToldManifest {
  const read = reading(() =>
    readManifest(readManifestFileNow(directory, name), shownFile(join(directory, name)), rules),
  )
  if (!(read instanceof ManifestError)) return read
  const { kind, message, identifier } = read
  return { kind, message, identifier }
}
