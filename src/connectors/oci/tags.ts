/** Lists of tags, page by page: whole, or an error. */
import type { Clock } from '../../kernel/clock.ts'
import type { HttpAnswer } from '../http/client.ts'
import { isAbsence, statusFailure, unavailable } from './failure.ts'
import type { Host } from './host.ts'
import { nextOf } from './link.ts'
import { isTag } from './names.ts'
import { digestOfBytes } from './verify.ts'

/** More is refused by some registries (ECR); others give fewer, or all of them, whatever is asked for. */
const pageSize = 1000
const longestPage = 64 << 20
/** A registry that leads from page to page for ever must not hold us: a million tags are ten times the largest list known. */
const [mostPages, mostTags] = [10_000, 1_000_000]
const mostEmptyPages = 100

/**
 * `link`: as the specification has it. `short-page`: for Gitea and Forgejo, which send a link with every page that has
 * tags, also with the last one: the page that is not full is the last.
 */
export type Paging = 'link' | 'short-page'

export interface TagLists {
  /** null: there is no such repository. */
  read(repository: string, signal: AbortSignal): Promise<readonly string[] | null>
}

export interface TagListParts {
  readonly host: Host
  readonly clock: Clock
  readonly paging: Paging
  /** The list that has not changed is the very same array as before, and costs no reading. */
  readonly keeps: boolean
}

interface Page {
  /** As they came; lists of one page are compared by it. */
  readonly digest: string | null
  /** The whole list, which is as it was. */
  readonly same: readonly string[] | null
  readonly tags: readonly string[]
  /** The query of the next page. */
  readonly next: string | null
}

interface Kept {
  readonly digest: string
  readonly all: readonly string[]
}

/** Of all lists that are kept together; a tag takes some 50 bytes. */
const mostKept = 500_000

export function createTagLists({ host, clock, paging, keeps }: TagListParts): TagLists {
  const kept = new Map<string, Kept>()
  let keptTags = 0

  function forget(repository: string): void {
    keptTags -= kept.get(repository)?.all.length ?? 0
    kept.delete(repository)
  }

  function keep(repository: string, one: Kept): void {
    forget(repository)
    kept.set(repository, one)
    keptTags += one.all.length
    for (const [oldest] of kept) {
      if (keptTags <= mostKept) break
      forget(oldest)
    }
  }

  async function readPage(repository: string, query: string, signal: AbortSignal): Promise<Page | null> {
    const where = `${host.name}/${repository}`
    const ask = {
      method: 'GET',
      repository,
      path: `tags/list${query}`,
      headers: { accept: 'application/json' },
    } as const
    return host.ask(
      ask,
      async ({ answer }) => {
        if (answer.status === 404) {
          if (await isAbsence(answer)) return null
          throw unavailable('malformed', where, 'HTTP 404 that does not come from a registry; check its address', {
            status: 404,
          })
        }
        if (answer.status !== 200) throw await statusFailure(answer, where, clock.now())
        const body = await answer.bytes(longestPage)
        const linked = paging === 'link' ? queryOfNext(answer, host, where) : null
        const digest = keeps ? digestOfBytes(body) : null
        const known = kept.get(repository)
        if (digest !== null && linked === null && known?.digest === digest) {
          return { digest, same: known.all, tags: known.all, next: null }
        }
        const tags = tagsOf(body)
        if (tags === null) throw unavailable('malformed', where, 'its list of tags is no such list')
        return { digest, same: null, tags, next: paging === 'link' ? linked : queryAfter(tags) }
      },
      signal,
    )
  }

  return {
    async read(repository, signal) {
      const where = `${host.name}/${repository}`
      const broken = (what: string) => unavailable('malformed', where, `its list of tags ${what}`)
      const tags = new Set<string>()
      const asked = new Set<string>()
      let query: string | null = `?n=${pageSize}`
      for (let empty = 0; query !== null;) {
        if (asked.has(query)) throw broken('leads in a circle')
        if (asked.size >= mostPages || tags.size > mostTags) throw broken('does not end')
        asked.add(query)
        const page: Page | null = await readPage(repository, query, signal)
        if (page === null) {
          if (asked.size > 1) throw broken('broke off: the repository is gone')
          forget(repository)
          return null
        }
        if (asked.size === 1 && page.same !== null) return page.same
        const before = tags.size
        for (const tag of page.tags) tags.add(tag)
        query = page.next
        if (page.tags.length === 0) empty++
        // Pages of another address with what is known already are a circle as well.
        else if (query !== null && tags.size === before) throw broken('leads in a circle')
        if (empty > mostEmptyPages) throw broken('does not end')
        if (query === null && asked.size === 1 && page.digest !== null) {
          const all = [...tags].filter(isTag)
          keep(repository, { digest: page.digest, all })
          return all
        }
      }
      forget(repository)
      // What is no tag by the specification cannot be asked for.
      return [...tags].filter(isTag)
    },
  }
}

function queryAfter(tags: readonly string[]): string | null {
  const last = tags.at(-1)
  if (last === undefined || tags.length < pageSize) return null
  return `?${new URLSearchParams({ n: String(pageSize), last }).toString()}`
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
