/** Docker Hub and its API (docs: Docker Hub API reference): tags by pages, the last updated first, with digests. */
import { createPushClock, jsonAnswer, type FakeWithApi } from '../../oci/testing/fake-beside.ts'
import { withHeaders, type Answer } from '../../oci/testing/fake-faults.ts'
import { startFakeRegistry, type Asked } from '../../oci/testing/fake-registry.ts'

export interface FakeHubOptions {
  readonly login?: { readonly username: string; readonly password: string }
  /** Pulls that are left, as it tells with each manifest; GET takes one. */
  readonly pulls?: number
  /** Most tags of a page, whatever is asked for. */
  readonly pageSize?: number
}

export interface FakeHub extends FakeWithApi {
  /** Its own tokens that are out are good no more. */
  revoke(): void
  /** What it says of how many there are is more than it lists. */
  uncounted: number
}

interface Row {
  readonly id: number
  readonly repository: string
  readonly name: string
  readonly digest: string
  readonly last_updated: string
  readonly tag_last_pushed: string
}

export async function startFakeHub(options: FakeHubOptions = {}): Promise<FakeHub> {
  const { login, pageSize = 100 } = options
  const now = createPushClock()
  const rows: Row[] = []
  let [id, given] = [0, 0]

  function list({ path, query }: Asked, repository: string): Answer {
    const all = rows.filter((row) => row.repository === repository).toReversed()
    if (all.length === 0 && !known.has(repository)) {
      return jsonAnswer(404, { message: 'httperror 404: object not found', errinfo: {} })
    }
    const size = Math.min(Number(query.get('page_size') ?? 10), pageSize)
    const page = Number(query.get('page') ?? 1)
    const more = new URLSearchParams({ ...Object.fromEntries(query), page: String(page + 1) }).toString()
    const next = page * size < all.length ? `https://hub.docker.com${path}?${more}` : null
    const results = all.slice((page - 1) * size, page * size).map((row) => ({ ...row, repository: undefined }))
    return jsonAnswer(200, { count: all.length + hub.uncounted, next, previous: null, results })
  }

  function beside(asked: Asked, body: string): Answer {
    const { path, headers } = asked
    if (path === '/v2/auth/token') {
      const { identifier, secret } = JSON.parse(body) as { identifier: string; secret: string }
      return identifier === login?.username && secret === login.password
        ? jsonAnswer(200, { access_token: `token-${++given}` })
        : jsonAnswer(401, { detail: 'incorrect authentication credentials' })
    }
    if (headers.authorization !== undefined && headers.authorization !== `Bearer token-${given}`) {
      return jsonAnswer(401, { message: 'unauthorized' })
    }
    const [, space, name] = /^\/v2\/namespaces\/([^/]+)\/repositories\/([^/]+)\/tags$/.exec(path) ?? []
    return list(asked, `${space}/${name}`)
  }

  const known = new Set<string>()
  const registry = await startFakeRegistry({ beside })
  let pulls = options.pulls
  if (pulls !== undefined) {
    registry.fault = ({ kind }) => {
      if (kind !== 'head' && kind !== 'manifest') return null
      if (kind === 'manifest') pulls = Math.max(0, pulls! - 1)
      return withHeaders({ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': `${pulls};w=21600` })
    }
  }

  const hub: FakeHub = {
    registry,
    uncounted: 0,
    revoke: () => void given++,
    async put(repository, tag, image) {
      await registry.put(repository, tag, image)
      known.add(repository)
      const before = rows.findIndex((row) => row.repository === repository && row.name === tag)
      const [old] = before < 0 ? [] : rows.splice(before, 1)
      const at = now()
      const { digest } = image
      rows.push({ id: old?.id ?? ++id, repository, name: tag, digest, last_updated: at, tag_last_pushed: at })
    },
    untag(repository, tag) {
      registry.untag(repository, tag)
      rows.splice(
        rows.findIndex((row) => row.repository === repository && row.name === tag),
        1,
      )
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
  return hub
}
