/** One watch of the simulated cluster: what happened since a version, and what happens from now on. */
import type { ServerResponse } from 'node:http'
import { statusAnswer, type Answer, type Place } from './simulator-rest.ts'
import { readSelectors } from './selectors.ts'
import type { Change, Stored } from './stored.ts'

export interface Watching {
  readonly path: string
  readonly seconds: number
  /** The version it was opened from. */
  readonly from: string
  /** Bytes that nobody has taken yet. */
  readonly unsent: number
  /** Sends the version of now, if it was asked for. */
  bookmark(): void
  /** Sends an ERROR event and ends. */
  fail(status: number, reason: string): void
  /** Sends these bytes as they are. */
  write(text: string): void
  /** Ends in order, as when its time is over. */
  end(): void
  /** Cuts the connection. */
  cut(): void
}

export function openWatch(
  stored: Stored,
  place: Place,
  query: URLSearchParams,
  response: ServerResponse,
): Watching | Answer {
  const select = readSelectors(query.get('labelSelector'), query.get('fieldSelector'))
  if (select === null) return statusAnswer(400, 'BadRequest', 'unable to parse requirement')
  const from = Number(query.get('resourceVersion') ?? stored.revision)
  const bookmarks = query.get('allowWatchBookmarks') === 'true'
  const seconds = Number(query.get('timeoutSeconds') ?? 1800)

  const write = (text: string) => {
    if (!response.writableEnded) response.write(text)
  }
  const send = (type: string, object: unknown) => write(`${JSON.stringify({ type, object })}\n`)
  const tell = ({ type, resource, object, before }: Change) => {
    if (resource !== place.resource) return
    if (place.namespace !== null && object.metadata.namespace !== place.namespace) return
    const [was, is] = [before !== null && select(before), type !== 'DELETED' && select(object)]
    // What leaves a selection is gone from it, at the version of the change.
    if (is) send(was ? 'MODIFIED' : 'ADDED', object)
    else if (was) {
      const { resourceVersion } = object.metadata
      send('DELETED', { ...before, metadata: { ...before!.metadata, resourceVersion } })
    }
  }
  const fail = (status: number, reason: string) => {
    send('ERROR', JSON.parse(statusAnswer(status, reason, `${reason}: simulated`).body))
    response.end()
  }

  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  const deaf = stored.listen(tell)
  const timer = setTimeout(() => response.end(), seconds * 1000)
  response.on('close', () => {
    deaf()
    clearTimeout(timer)
  })
  if (from < stored.oldest) fail(410, 'Expired')
  else for (const change of stored.since(from)) tell(change)

  return {
    path: place.resource,
    seconds,
    from: String(from),
    get unsent() {
      return response.socket?.writableLength ?? 0
    },
    bookmark() {
      if (bookmarks) send('BOOKMARK', { metadata: { resourceVersion: String(stored.revision) } })
    },
    fail,
    write,
    end: () => void response.end(),
    cut: () => void response.socket?.destroy(),
  }
}
