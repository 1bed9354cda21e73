/** Lists of tags, page by page: whole, or an error. */
import type { Clock } from '../../kernel/clock.ts'
import type { HttpAnswer } from '../http/client.ts'
import { isAbsence, statusFailure, unavailable } from './failure.ts'
import type { Host } from './host.ts'
import { nextOf } from './link.ts'
import { isTag } from './names.ts'

/** More is refused by some registries (ECR); others give fewer, or all of them, whatever is asked for. */
const pageSize = 1000
const longestPage = 64 << 20
/** A registry that leads from page to page for ever must not hold us: a million tags are ten times the largest list known. */
const [mostPages, mostTags] = [10_000, 1_000_000]
const mostEmptyPages = 100

interface Page {
  readonly tags: readonly string[]
  /** The query of the next page. */
  readonly next: string | null
}

/** null: there is no such repository. */
export async function listTags(
  host: Host,
  repository: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const where = `${host.name}/${repository}`
  const broken = (what: string) => unavailable('malformed', where, `its list of tags ${what}`)
  const tags = new Set<string>()
  const asked = new Set<string>()
  let query: string | null = `?n=${pageSize}`
  for (let empty = 0; query !== null;) {
    if (asked.has(query)) throw broken('leads in a circle')
    if (asked.size >= mostPages || tags.size > mostTags) throw broken('does not end')
    asked.add(query)
    const page: Page | null = await readPage(host, repository, query, clock, signal)
    if (page === null) {
      if (asked.size > 1) throw broken('broke off: the repository is gone')
      return null
    }
    const before = tags.size
    for (const tag of page.tags) tags.add(tag)
    query = page.next
    if (page.tags.length === 0) empty++
    // Pages of another address with what is known already are a circle as well.
    else if (query !== null && tags.size === before) throw broken('leads in a circle')
    if (empty > mostEmptyPages) throw broken('does not end')
  }
  // What is no tag by the specification cannot be asked for.
  return [...tags].filter(isTag)
}

function readPage(
  host: Host,
  repository: string,
  query: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Page | null> {
  const where = `${host.name}/${repository}`
  return host.ask(
    { method: 'GET', repository, path: `tags/list${query}`, headers: { accept: 'application/json' } },
    async ({ answer }) => {
      if (answer.status === 404) {
        if (await isAbsence(answer)) return null
        throw unavailable('malformed', where, 'HTTP 404 that does not come from a registry; check its address', {
          status: 404,
        })
      }
      if (answer.status !== 200) throw await statusFailure(answer, where, clock.now())
      const tags = tagsOf(await answer.bytes(longestPage))
      if (tags === null) throw unavailable('malformed', where, 'its list of tags is no such list')
      return { tags, next: queryOfNext(answer, host, where) }
    },
    signal,
  )
}

/** `tags: null` is what Distribution says when all were deleted. */
function tagsOf(body: Buffer): readonly string[] | null {
  let document: { readonly tags?: unknown } | null
  try {
    document = JSON.parse(body.toString()) as typeof document
  } catch {
    return null
  }
  const tags = document?.tags
  if (tags === null) return []
  return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : null
}

/**
 * Of the link to the next page its query counts, and our own path: behind a proxy, or a virtual repository of
 * Artifactory, the path of the link may be one that is not ours. One to another origin is refused.
 */
function queryOfNext(answer: HttpAnswer, host: Host, where: string): string | null {
  const link = answer.headers['link']
  const next = nextOf(typeof link === 'string' ? [link] : (link ?? []))
  if (next === null) return null
  const url = URL.parse(next, host.origin)
  if (url === null || url.origin !== new URL(host.origin).origin) {
    throw unavailable('malformed', where, 'its list of tags goes on at another place, where nobody is followed to')
  }
  if (url.search === '') throw unavailable('malformed', where, 'its list of tags goes on without saying where')
  return url.search
}
