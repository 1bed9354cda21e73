/**
 * GitHub's container registry and its API of packages (docs: REST API endpoints for packages): versions are manifests,
 * the newest first, those of an index's platforms among them; the registry lists the oldest first, by pages.
 */
import { createPushClock, jsonAnswer, type FakeWithApi } from '../../oci/testing/fake-beside.ts'
import type { Answer } from '../../oci/testing/fake-faults.ts'
import { startFakeRegistry, type Asked } from '../../oci/testing/fake-registry.ts'

export interface FakePackagesOptions {
  /** May read packages. */
  readonly token?: string
  /** The owner is a person, and not an organization. */
  readonly person?: boolean
  /** Most tags of a page of the registry. */
  readonly pageSize?: number
  /** Repositories that anybody may read. */
  readonly open?: readonly string[] | 'all'
}

interface Version {
  readonly id: number
  readonly repository: string
  readonly name: string
  readonly created_at: string
  updated_at: string
  tags: readonly string[]
}

export async function startFakePackages(options: FakePackagesOptions = {}): Promise<FakeWithApi> {
  const { token = 'ghp_of_the_fake', person = false, pageSize = 1000, open = [] } = options
  const now = createPushClock()
  const versions: Version[] = []
  let id = 0

  function beside(asked: Asked): Answer {
    const { path, headers, query } = asked
    if (headers.authorization !== `Bearer ${token}`) {
      return headers.authorization === undefined
        ? jsonAnswer(401, { message: 'Requires authentication' })
        : jsonAnswer(401, { message: 'Bad credentials' })
    }
    const [, kind, owner, name] = /^\/(orgs|users)\/([^/]+)\/packages\/container\/([^/]+)\/versions$/.exec(path) ?? []
    const repository = `${owner}/${decodeURIComponent(name ?? '')}`
    const all = versions.filter((version) => version.repository === repository).toReversed()
    if (all.length === 0 || kind !== (person ? 'users' : 'orgs')) {
      return jsonAnswer(404, { message: 'Package not found.', status: '404' })
    }
    const size = Math.min(Number(query.get('per_page') ?? 30), 100)
    const page = Number(query.get('page') ?? 1)
    const more = new URLSearchParams({ ...Object.fromEntries(query), page: String(page + 1) }).toString()
    const link = page * size < all.length ? { link: `<${registry.url}${path}?${more}>; rel="next"` } : {}
    const limits = { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 3600) }
    return jsonAnswer(200, all.slice((page - 1) * size, page * size).map(shown), { ...link, ...limits })
  }

  const registry = await startFakeRegistry({
    beside,
    pageSize,
    auth: { kind: 'bearer', username: 'x-access-token', password: token, open, shared: true },
  })

  return {
    registry,
    async put(repository, tag, image) {
      await registry.put(repository, tag, image)
      for (const { digest } of image.children) add(repository, digest)
      const at = add(repository, image.digest)
      for (const other of versions) {
        if (other === at || other.repository !== repository || !other.tags.includes(tag)) continue
        other.tags = other.tags.filter((one) => one !== tag)
        other.updated_at = now()
      }
      if (at.tags.includes(tag)) return
      at.tags = [...at.tags, tag]
      at.updated_at = now()
    },
    untag(repository, tag) {
      registry.untag(repository, tag)
      const found = versions.find((version) => version.repository === repository && version.tags.includes(tag))
      if (found) found.tags = found.tags.filter((one) => one !== tag)
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }

  function add(repository: string, digest: string): Version {
    const known = versions.find((version) => version.repository === repository && version.name === digest)
    if (known) return known
    const at = now()
    const made: Version = { id: ++id, repository, name: digest, created_at: at, updated_at: at, tags: [] }
    versions.push(made)
    return made
  }
}

function shown({ id, name, created_at, updated_at, tags }: Version) {
  return { id, name, created_at, updated_at, metadata: { package_type: 'container', container: { tags } } }
}
