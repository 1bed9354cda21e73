/** Lists, page after page: what is in memory is one page, however many objects there are. */
import { clusterError, whyOf } from './errors.ts'
import { isObject, type KubernetesObject } from './objects.ts'
import type { Request, Sender } from './send.ts'

export interface Query {
  /** Of the list, as `pathOf` makes it. */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface Page {
  /** The list begins here, perhaps anew: what earlier pages had is not vouched for any more. */
  readonly first: boolean
  readonly items: readonly KubernetesObject[]
  /** Of the whole list, the same on each of its pages. */
  readonly resourceVersion: string
}

/** What client-go asks for as well. */
const pageLimit = 500
/** Largest page in bytes that is held. Larger ones are asked for again in parts. */
const mostPage = 32 << 20
/** By how much a page that was too large shrinks. */
const shrink = 8
/** A continuation lives as long as the history in etcd: 5 minutes. Who needs longer each time gets an error. */
const mostRestarts = 3

export async function* listPages(
  sender: Sender,
  { path, labelSelector, fieldSelector }: Query,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  let limit = pageLimit
  let restarts = 0
  let next = ''
  for (;;) {
    const query = { labelSelector, fieldSelector, limit: String(limit), ...(next !== '' && { continue: next }) }
    let page: ReadPage
    try {
      page = await readPage(sender, { method: 'GET', path, query }, signal)
    } catch (thrown) {
      const why = whyOf(thrown)
      if (why === 'expired' && next !== '' && restarts < mostRestarts) {
        restarts += 1
        next = ''
      } else if (why === 'too-large' && limit > 1) {
        limit = Math.max(1, Math.floor(limit / shrink))
      } else {
        throw thrown
      }
      continue
    }
    yield { first: next === '', items: page.items, resourceVersion: page.resourceVersion }
    next = page.next
    if (next === '') return
  }
}

interface ReadPage {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
  /** '' at the end. */
  readonly next: string
}

async function readPage(sender: Sender, request: Request, signal: AbortSignal): Promise<ReadPage> {
  const body = await sender.json(request, signal, mostPage)
  const { metadata, items } = (body ?? {}) as {
    readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown }
    readonly items?: unknown
  }
  const version = metadata?.resourceVersion
  // An empty list may have null for its items. Without a version there is nothing to watch from.
  const listed: unknown = items ?? []
  if (typeof version !== 'string' || version === '' || !Array.isArray(listed) || !listed.every(isObject)) {
    throw clusterError(sender.asked(request), 'malformed', 'an answer that is no list of objects')
  }
  const next = typeof metadata?.continue === 'string' ? metadata.continue : ''
  return { items: listed, resourceVersion: version, next }
}
