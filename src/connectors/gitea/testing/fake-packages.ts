/**
 * The container registry of a Gitea and its API of packages, by its source (routers/api/packages/container,
 * routers/api/v1/packages, 1.22 to 1.25): names and tags are stored in lower case; a link goes with every page that has
 * tags; a push makes a row anew, and one for each manifest of an index under its digest.
 */
import type { FakeAuth } from '../../oci/testing/fake-door.ts'
import { createPushClock, jsonAnswer, type FakeWithApi } from '../../oci/testing/fake-beside.ts'
import type { Answer } from '../../oci/testing/fake-faults.ts'
import { startFakeRegistry, type Asked, type TagPage } from '../../oci/testing/fake-registry.ts'

export interface FakePackagesOptions {
  /** Of `reader`, for both; without it everybody may read. */
  readonly token?: string
  /** 1.25 has a route for the versions of one package, 1.22 has none. */
  readonly ownRoute?: boolean
  /** `MAX_RESPONSE_ITEMS`. */
  readonly mostItems?: number
  /** Without `X-Total-Count`, as behind a proxy that drops it. */
  readonly untold?: boolean
  /** Seconds that tokens are good for; it tells of no end. */
  readonly lifetime?: number
}

interface Row {
  readonly id: number
  readonly owner: { readonly login: string }
  readonly type: 'container'
  readonly name: string
  readonly version: string
  readonly created_at: string
}

const lower = (tag: string) => tag.toLowerCase()

export async function startFakePackages(options: FakePackagesOptions = {}): Promise<FakeWithApi> {
  const { token, ownRoute = true, mostItems = 50, untold = false, lifetime } = options
  const now = createPushClock()
  const rows: Row[] = []
  let id = 0

  /** Newest first; nothing that uses it may rely on that. */
  function listed(fits: (row: Row) => boolean, { query, path }: Asked): Answer {
    const all = rows.filter(fits).toReversed()
    const size = Math.min(Number(query.get('limit') ?? 30), mostItems)
    const page = Number(query.get('page') ?? 1)
    const more = new URLSearchParams([...query].filter(([name]) => name !== 'page'))
    more.set('page', String(page + 1))
    return jsonAnswer(200, all.slice((page - 1) * size, page * size), {
      ...(page * size < all.length && { link: `<http://gitea.invalid${path}?${more.toString()}>; rel="next"` }),
      ...(!untold && { 'x-total-count': String(all.length) }),
    })
  }

  function beside(asked: Asked): Answer {
    const { path, headers, query } = asked
    if (token !== undefined && headers.authorization !== `token ${token}`) {
      return jsonAnswer(401, { message: 'invalid username, password or token' })
    }
    const [, owner = '', type, name, ...rest] =
      /^\/api\/v1\/packages\/([^/]+)(?:\/([^/]+)\/([^/]+)(\/.*)?)?$/.exec(path)?.map((part) => part ?? '') ?? []
    const decoded = decodeURIComponent(name ?? '')
    const own = (row: Row) => row.owner.login === decodeURIComponent(owner)
    if (owner === '' || rest.some((part) => part !== '')) return jsonAnswer(404, { message: 'not found' })
    if (!rows.some(own)) return jsonAnswer(404, { message: 'user redirect does not exist' })
    if (type === '') {
      const part = lower(query.get('q') ?? '')
      return listed((row) => own(row) && row.name.includes(part), asked)
    }
    // A route that is not there says so in plain text.
    if (!ownRoute) return { status: 404, headers: { 'content-type': 'text/plain' }, body: Buffer.from('Not found.\n') }
    const fits = (row: Row) => own(row) && row.name === lower(decoded)
    return rows.some(fits) ? listed(fits, asked) : jsonAnswer(404, { message: 'package does not exist' })
  }

  const auth: FakeAuth = {
    kind: 'bearer',
    username: 'oauth2',
    password: token ?? '',
    expiresIn: null,
    takesBasic: true,
    // A token is whoever it was given to, for all that is theirs; who shows nothing gets one for what is public.
    shared: true,
    ...(token === undefined && { open: 'all' }),
    challenge: (usual) => [usual.replace(/scope="[^"]*"/, 'scope="*"')],
    ...(lifetime !== undefined && { lifetime }),
  }
  const registry = await startFakeRegistry({ beside, paged, auth })

  return {
    registry,
    async put(repository, tag, image) {
      const slash = repository.indexOf('/')
      const [login, name] = [repository.slice(0, slash), lower(repository.slice(slash + 1))]
      await registry.put(lower(repository), lower(tag), image)
      for (const version of [...image.children.map(({ digest }) => digest), lower(tag)]) {
        const before = rows.findIndex(
          (row) => row.owner.login === login && row.name === name && row.version === version,
        )
        if (before >= 0) rows.splice(before, 1)
        rows.push({ id: ++id, owner: { login }, type: 'container', name, version, created_at: now() })
      }
    },
    untag(repository, tag) {
      registry.untag(repository, lower(tag))
      const at = rows.findIndex((row) => `${row.owner.login}/${row.name}` === repository && row.version === lower(tag))
      rows.splice(at, 1)
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

/** GetImageTags: no `n` means all, 0 none; the link does not look at whether there is more. */
function paged(all: readonly string[], query: URLSearchParams): TagPage {
  const last = query.get('last')
  const sorted = all.toSorted((a, b) => (a < b ? -1 : 1)).filter((tag) => last === null || tag > lower(last))
  const n = query.get('n')
  const tags = n === null ? sorted : sorted.slice(0, Number(n))
  if (tags.length === 0) return { tags, next: null }
  return { tags, next: new URLSearchParams({ ...(n !== null && { n }), last: tags.at(-1)! }).toString() }
}
