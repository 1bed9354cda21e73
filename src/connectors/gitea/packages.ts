/**
 * Container packages of Gitea and Forgejo: when each tag was pushed. A push of a tag that is there makes its row anew,
 * so `created_at` is the time of the last push, also of one that changed nothing.
 */
import { z } from 'zod'
import type { Instant } from '../../kernel/clock.ts'
import { unavailable } from '../oci/failure.ts'
import type { JsonAnswer, JsonApi } from '../oci/json-api.ts'
import { nextOf } from '../oci/link.ts'

export interface PushedTag {
  readonly name: string
  readonly pushedAt: Instant
}

export interface GiteaPackages {
  /** All tags of an image (`owner/name`, the name may have slashes). null: there is no such package. */
  tags(image: string, signal: AbortSignal): Promise<readonly PushedTag[] | null>
}

const rowShape = z.object({
  type: z.string(),
  name: z.string(),
  version: z.string(),
  created_at: z.iso.datetime({ offset: true }),
})
const pageShape = z.array(rowShape)
type Row = z.infer<typeof rowShape>

/** More than this no server gives unless it is told to (`MAX_RESPONSE_ITEMS`). */
const pageSize = 50
const mostPages = 2000
const mostWalks = 3

export function createGiteaPackages(api: JsonApi): GiteaPackages {
  /** The route of one package came after 1.22. undefined: not known yet. */
  let hasOwnRoute: boolean | undefined

  /** All rows of a list; null: 404; 'moved': something was removed meanwhile, and a row may have been passed over. */
  async function walk(
    path: string,
    image: string,
    mayLack: boolean,
    signal: AbortSignal,
  ): Promise<readonly Row[] | null | 'moved'> {
    const rows: Row[] = []
    let total: number | null = null
    for (let page = 1; ; page++) {
      const more = `${path}${path.includes('?') ? '&' : '?'}page=${page}&limit=${pageSize}`
      const found: JsonAnswer<Row[]> | null = await api.get(
        { path: more, subject: image, shape: pageShape, mayLack },
        signal,
      )
      if (found === null) return page === 1 ? null : 'moved'
      rows.push(...found.value)
      const counted = totalOf(found)
      if (total !== null && counted !== null && counted < total) return 'moved'
      total = counted ?? total
      if (found.value.length === 0 || isLast(found, rows.length, total)) return rows
      if (page >= mostPages) throw unavailable('malformed', `${api.name}/${image}`, 'its list of packages does not end')
    }
  }

  async function whole(
    path: string,
    image: string,
    mayLack: boolean,
    signal: AbortSignal,
  ): Promise<readonly Row[] | null> {
    for (let count = 1; count <= mostWalks; count++) {
      const rows = await walk(path, image, mayLack, signal)
      if (rows !== 'moved') return rows
    }
    throw unavailable('malformed', `${api.name}/${image}`, 'its list of packages changes while it is read')
  }

  return {
    async tags(image, signal) {
      const slash = image.indexOf('/')
      const [owner, name] = [image.slice(0, slash), image.slice(slash + 1)]
      const base = `/api/v1/packages/${encodeURIComponent(owner)}`
      if (hasOwnRoute !== false) {
        const rows = await whole(
          `${base}/container/${encodeURIComponent(name)}`,
          image,
          hasOwnRoute === undefined,
          signal,
        )
        if (rows !== null) hasOwnRoute = true
        if (rows !== null || hasOwnRoute === true) return rows && tagsOf(rows, name)
      }
      const rows = await whole(`${base}?type=container&q=${encodeURIComponent(name)}`, image, false, signal)
      const tags = rows && tagsOf(rows, name)
      if (tags === null || tags.length === 0) return null
      // It is there, and its own route was not.
      hasOwnRoute = false
      return tags
    },
  }
}

/** The search is for a part of the name, and what has no tag is listed under its digest. */
function tagsOf(rows: readonly Row[], name: string): readonly PushedTag[] {
  const found = new Map<string, PushedTag>()
  for (const row of rows) {
    if (row.type !== 'container' || row.name.toLowerCase() !== name.toLowerCase()) continue
    if (row.version.startsWith('sha256:') || row.version.startsWith('sha512:')) continue
    found.set(row.version, { name: row.version, pushedAt: Date.parse(row.created_at) })
  }
  return [...found.values()]
}

function totalOf({ headers }: JsonAnswer<unknown>): number | null {
  const total = Number(headers['x-total-count'] ?? Number.NaN)
  return Number.isInteger(total) && total >= 0 ? total : null
}

/** By the number of all, which spares the request for an empty page; without it by the link. */
function isLast({ headers }: JsonAnswer<unknown>, seen: number, total: number | null): boolean {
  if (total !== null) return seen >= total
  const link = headers['link']
  return nextOf(typeof link === 'string' ? [link] : (link ?? [])) === null
}
