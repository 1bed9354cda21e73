/**
 * The API of Docker Hub: tags with digests and times, the last pushed first. What is known already is not read again:
 * a page with something in it that is as it was is the last one, so that a repository in which nothing happened costs
 * one request, however many tags it has.
 */
import { z } from 'zod'
import type { Instant } from '../../kernel/clock.ts'
import { unavailable } from '../oci/failure.ts'
import type { JsonAnswer, JsonApi } from '../oci/json-api.ts'

export interface HubTag {
  readonly name: string
  /** Of the index or manifest; tags of before 2020 have none. */
  readonly digest: string | null
  readonly pushedAt: Instant | null
}

export interface HubTags {
  /** All tags of a repository (`library/nginx`); the same array as before when nothing changed. null: no such repository. */
  tags(repository: string, signal: AbortSignal): Promise<readonly HubTag[] | null>
}

const time = z.iso.datetime({ offset: true }).nullish()
const rowShape = z.object({
  id: z.number(),
  name: z.string(),
  digest: z.string().nullish(),
  last_updated: time,
  tag_last_pushed: time,
})
const pageShape = z.object({ count: z.number(), next: z.string().nullish(), results: z.array(rowShape) })
type Row = z.infer<typeof rowShape>
type Page = z.infer<typeof pageShape>

interface Known {
  readonly rows: ReadonlyMap<string, Row>
  readonly tags: readonly HubTag[]
  /** By so many its count is more than what it lists. */
  readonly uncounted: number
}

/** The most that the documentation allows. */
const pageSize = 100
const mostPages = 2000
const mostWalks = 3
/** Of all repositories together; a tag takes some 400 bytes. */
const mostKept = 200_000

export function createHubTags(api: JsonApi): HubTags {
  const known = new Map<string, Known>()
  let kept = 0

  function forget(repository: string): void {
    kept -= known.get(repository)?.tags.length ?? 0
    known.delete(repository)
  }

  function keep(repository: string, rows: ReadonlyMap<string, Row>, uncounted: number): Known {
    const before = known.get(repository)
    const tags = before !== undefined && isSame(before.rows, rows) ? before.tags : [...rows.values()].map(tagOf)
    forget(repository)
    const one = { rows, tags, uncounted }
    known.set(repository, one)
    kept += tags.length
    for (const [oldest] of known) {
      if (kept <= mostKept || known.size === 1) break
      forget(oldest)
    }
    return one
  }

  function read(repository: string, page: number, signal: AbortSignal): Promise<JsonAnswer<Page> | null> {
    const slash = repository.indexOf('/')
    const [space, name] = [repository.slice(0, slash), repository.slice(slash + 1)].map(encodeURIComponent)
    const path = `/v2/namespaces/${space}/repositories/${name}/tags`
    const query = `?page=${page}&page_size=${pageSize}&ordering=last_updated`
    return api.get({ path: path + query, subject: repository, shape: pageShape }, signal)
  }

  /** 'moved': a tag was removed meanwhile, and another one may have been passed over. */
  async function walk(repository: string, signal: AbortSignal): Promise<Known | null | 'moved'> {
    const before = known.get(repository)
    const rows = new Map<string, Row>()
    let count: number | null = null
    let last = Infinity
    /** What is not in the order of their pushes tells nothing of what comes after it. */
    let inOrder = true
    for (let page = 1; ; page++) {
      const found = await read(repository, page, signal)
      if (found === null) return page === 1 ? null : 'moved'
      const { results, next, count: counted } = found.value
      if (count !== null && counted < count) return 'moved'
      count = counted
      const size = rows.size
      for (const row of results) {
        const at = timeOf(row)
        if (at === null || at > last) inOrder = false
        last = at ?? last
        if (!rows.has(row.name)) rows.set(row.name, row)
      }
      if (next === null || next === undefined) return keep(repository, rows, counted - rows.size)
      if (before !== undefined && inOrder && results.some((row) => isUnchanged(before.rows.get(row.name), row))) {
        const all = new Map([...rows, ...[...before.rows].filter(([name]) => !rows.has(name))])
        // Fewer there: one that we know is gone, and only the whole list tells which.
        if (all.size === counted - before.uncounted) return keep(repository, all, before.uncounted)
      }
      if (rows.size === size || page >= mostPages) {
        throw unavailable('malformed', `${api.name}/${repository}`, 'its list of tags does not end')
      }
    }
  }

  return {
    async tags(repository, signal) {
      for (let count = 1; count <= mostWalks; count++) {
        const found = await walk(repository, signal)
        if (found === null) forget(repository)
        if (found !== 'moved') return found && found.tags
      }
      throw unavailable('malformed', `${api.name}/${repository}`, 'its list of tags changes while it is read')
    },
  }
}

function timeOf({ last_updated: updated }: Row): Instant | null {
  return updated === null || updated === undefined ? null : Date.parse(updated)
}

function isUnchanged(before: Row | undefined, row: Row): boolean {
  return (
    before !== undefined &&
    before.id === row.id &&
    before.digest === row.digest &&
    before.last_updated === row.last_updated &&
    before.tag_last_pushed === row.tag_last_pushed
  )
}

function isSame(before: ReadonlyMap<string, Row>, rows: ReadonlyMap<string, Row>): boolean {
  return before.size === rows.size && [...rows].every(([name, row]) => isUnchanged(before.get(name), row))
}

function tagOf({ name, digest, tag_last_pushed: pushed, last_updated: updated }: Row): HubTag {
  const at = pushed ?? updated
  return { name, digest: digest ?? null, pushedAt: at === null || at === undefined ? null : Date.parse(at) }
}
