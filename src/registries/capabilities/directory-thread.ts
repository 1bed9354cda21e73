/** The thread that lists a large directory, see directory-listing.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ListAnswer, ListAsk, ThreadData } from './directory-listing.ts'
import { listManifestsNow, toldOf, type Asked } from './manifest-files.ts'

const port = parentPort!
const { directory, pattern } = workerData as ThreadData
let last: readonly Asked[] = []
let version = 0

port.on('message', ({ id, known }: ListAsk) => {
  const found = listManifestsNow(directory, pattern, last)
  const told = answer(id, found, known)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
  port.postMessage(told)
})

function answer(id: number, found: readonly Asked[] | string, known: number | null): ListAnswer {
  if (typeof found === 'string') return { id, unavailable: found }
  if (found !== last) version += 1
  last = found
  return known === version ? { id, version } : { id, version, files: found.map(toldOf) }
}
