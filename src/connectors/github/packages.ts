/**
 * Container packages of GitHub: digests, tags and times in one list. Needs a classic token with read:packages, for
 * public packages as well (docs: REST API endpoints for packages).
 */
import { z } from 'zod'
import type { Instant } from '../../kernel/clock.ts'
import { unavailable } from '../oci/failure.ts'
import type { JsonAnswer, JsonApi } from '../oci/json-api.ts'
import { nextOf } from '../oci/link.ts'

export interface PackagedTag {
  readonly name: string
  readonly digest: string
  readonly pushedAt: Instant
}

export interface PackagedTags {
  readonly tags: readonly PackagedTag[]
  /** Requests that it took: one for a hundred versions, of which each platform of an image is one. */
  readonly pages: number
}

export interface GitHubPackages {
  /** All tags of an image (`owner/name`). null: there is no such package, or this token may not see it. */
  tags(image: string, signal: AbortSignal): Promise<PackagedTags | null>
}

const versionShape = z.object({
  id: z.number(),
  /** The digest. */
  name: z.string(),
  created_at: z.iso.datetime({ offset: true }),
  metadata: z.object({ container: z.object({ tags: z.array(z.string()) }) }).optional(),
})
const pageShape = z.array(versionShape)
type Version = z.infer<typeof versionShape>

interface Read {
  readonly versions: readonly Version[]
  readonly pages: number
}

const firstPage = '?per_page=100&state=active'
const mostPages = 2000
const mostOwners = 1000

export function createGitHubPackages(api: JsonApi): GitHubPackages {
  const kinds = new Map<string, 'orgs' | 'users'>()

  async function read(path: string, image: string, signal: AbortSignal): Promise<Read | null> {
    const where = `${api.name}/${image}`
    const broken = (what: string) => unavailable('malformed', where, `its list of versions ${what}`)
    const versions: Version[] = []
    const asked = new Set<string>()
    for (let query: string | null = firstPage; query !== null;) {
      if (asked.has(query)) throw broken('leads in a circle')
      if (asked.size >= mostPages) throw broken('does not end')
      asked.add(query)
      const page: JsonAnswer<Version[]> | null = await api.get(
        { path: `${path}${query}`, subject: image, shape: pageShape },
        signal,
      )
      if (page === null && asked.size > 1) throw broken('broke off: the package is gone')
      if (page === null) return null
      versions.push(...page.value)
      query = queryOfNext(page, api, where)
    }
    return { versions, pages: asked.size }
  }

  return {
    async tags(image, signal) {
      const slash = image.indexOf('/')
      const [owner, name] = [image.slice(0, slash), encodeURIComponent(image.slice(slash + 1))]
      const known = kinds.get(owner)
      for (const kind of known === undefined ? (['orgs', 'users'] as const) : [known]) {
        const path = `/${kind}/${encodeURIComponent(owner)}/packages/container/${name}/versions`
        const found = await read(path, image, signal)
        if (found === null) continue
        if (kinds.size >= mostOwners) kinds.clear()
        kinds.set(owner, kind)
        return { tags: tagsOf(found.versions), pages: found.pages }
      }
      return null
    },
  }
}

/**
 * `created_at`, and not `updated_at`: that moves as well when a tag is taken from a version, and then the one before
 * the newest would seem to be the newest.
 */
function tagsOf(versions: readonly Version[]): readonly PackagedTag[] {
  const found = new Map<string, PackagedTag>()
  for (const { name: digest, created_at: created, metadata } of versions) {
    const pushedAt = Date.parse(created)
    for (const name of metadata?.container.tags ?? []) {
      const other = found.get(name)
      // A tag that moved while the list was read is in it twice.
      if (other === undefined || other.pushedAt < pushedAt) found.set(name, { name, digest, pushedAt })
    }
  }
  return [...found.values()]
}

/** Its query and our own path; one to another origin is refused. */
function queryOfNext({ headers }: JsonAnswer<unknown>, api: JsonApi, where: string): string | null {
  const link = headers['link']
  const next = nextOf(typeof link === 'string' ? [link] : (link ?? []))
  if (next === null) return null
  const url = URL.parse(next, api.origin)
  if (url === null || url.origin !== api.origin || url.search === '') {
    throw unavailable('malformed', where, 'its list of versions goes on at another place, where nobody is followed to')
  }
  return url.search
}
