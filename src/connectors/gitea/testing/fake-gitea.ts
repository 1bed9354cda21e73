/**
 * A Gitea with one repository: Git over HTTP by git itself, and of the API what concerns pull requests, with the
 * statuses and shapes of its source (routers/api/v1/repo/{pull,issue_label,issue_comment}.go, services/convert/pull.go).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gitOrigin, serveGit, type GitOrigin } from '../../../../tests/parts/git-remote.ts'
import { mergeBranch } from '../../git/testing/people.ts'

export interface FakeGitea extends AsyncDisposable {
  /** With the path that it is under. */
  readonly url: string
  readonly origin: GitOrigin
  readonly pulls: readonly FakePull[]
  readonly labels: { readonly id: number; readonly name: string; readonly org?: boolean }[]
  /** Of the API: method and path after `/repos/acme/claims`. */
  readonly requests: string[]
  /** The next calls of this kind go wrong so. */
  fail(call: string, fault: FakeFault, times?: number): void
  /** Somebody merges it. */
  merge(number: number): void
  /** Somebody opens one; from a fork where that is said. */
  open(from: string, into: string, fork?: boolean): FakePull
}

export interface FakePull {
  readonly number: number
  readonly from: string
  readonly into: string
  readonly fork: boolean
  state: 'open' | 'closed'
  merged: boolean
  title: string
  body: string
  readonly labels: number[]
  readonly reviewers: string[]
  readonly comments: string[]
  auto: string | null
}

export type FakeFault =
  | { readonly is: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** It is done, and nobody hears of it. */
  | { readonly is: 'lost' }
  | { readonly is: 'hangs' }
  | { readonly is: 'text'; readonly text: string }

export interface FakeGiteaOptions {
  readonly token?: string
  /** It is under this path. */
  readonly base?: string
  /** Before 1.18: no search by branches, no filter by base. */
  readonly old?: boolean
  /** `MAX_RESPONSE_ITEMS`. */
  readonly mostItems?: number
}

interface Call {
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
  readonly at: readonly string[]
}
type Reply = readonly [status: number, json?: unknown, headers?: Readonly<Record<string, string>>]

const notFound: Reply = [404, { message: "The target couldn't be found.", errors: null, url: '/api/swagger' }]
const problem = (status: number, message: string): Reply => [status, { message, url: '/api/swagger' }]

export async function startFakeGitea(options: FakeGiteaOptions = {}): Promise<FakeGitea> {
  const { token = 'gitea-token', base = '', old = false, mostItems = 50 } = options
  const origin = gitOrigin()
  origin.git('config', 'http.receivepack', 'true')
  const pulls: FakePull[] = []
  const labels: { id: number; name: string; org?: boolean }[] = []
  const requests: string[] = []
  const faults = new Map<string, FakeFault[]>()
  let there = new Set<string>()
  /** Issues and pull requests are numbered together. */
  let numbered = 6

  const branches = () => new Set(origin.git('for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads').split('\n'))

  /** As its hook after a push: with the branch goes the request. */
  function settle(): void {
    there = branches()
    for (const pull of pulls) {
      if (pull.state === 'open' && !pull.fork && !there.has(pull.from)) pull.state = 'closed'
    }
  }

  function add(from: string, into: string, more: Partial<FakePull> = {}): FakePull {
    const pull: FakePull = {
      number: ++numbered,
      from,
      into,
      fork: false,
      state: 'open',
      merged: false,
      title: from,
      body: '',
      labels: [],
      reviewers: [],
      comments: [],
      auto: null,
      ...more,
    }
    pulls.push(pull)
    return pull
  }

  const shown = (pull: FakePull) => ({
    id: pull.number * 10,
    number: pull.number,
    url: `http://gitea.invalid/acme/claims/pulls/${pull.number}`,
    html_url: `http://gitea.invalid/acme/claims/pulls/${pull.number}`,
    title: pull.title,
    body: pull.body,
    state: pull.state,
    draft: /^wip:/i.test(pull.title),
    merged: pull.merged,
    base: { label: pull.into, ref: pull.into, sha: '', repo_id: 3 },
    head: {
      label: pull.from,
      ref: there.has(pull.from) ? pull.from : `refs/pull/${pull.number}/head`,
      sha: '',
      repo_id: pull.fork ? 9 : 3,
    },
  })

  function paged(all: readonly unknown[], query: URLSearchParams): Reply {
    const size = Math.min(Number(query.get('limit') ?? 30), mostItems)
    const from = (Number(query.get('page') ?? 1) - 1) * size
    return [200, all.slice(from, from + size), { 'x-total-count': String(all.length) }]
  }

  function create({ body }: Call): Reply {
    const { head, base: into, title, body: text } = body as Record<string, string>
    if (head === into) return problem(422, 'Invalid PullRequest: There are no changes between the head and the base')
    if (!there.has(head!) || !there.has(into!)) return notFound
    const twin = pulls.find((pull) => pull.state === 'open' && !pull.fork && pull.from === head && pull.into === into)
    if (twin) return problem(409, `pull request already exists for these targets [id: 1, issue_id: ${twin.number}]`)
    return [201, shown(add(head!, into!, { title: title!, body: text ?? '' }))]
  }

  function edit(pull: FakePull, { body }: Call): Reply {
    if (typeof body['title'] === 'string' && body['title'] !== '') pull.title = body['title']
    if (typeof body['body'] === 'string') pull.body = body['body']
    if (body['state'] !== undefined) {
      if (pull.merged) return problem(412, 'cannot change state of this pull request, it was already merged')
      pull.state = body['state'] as FakePull['state']
    }
    return [201, shown(pull)]
  }

  function schedule(pull: FakePull, { body }: Call): Reply {
    if (body['merge_when_checks_succeed'] !== true) return problem(405, 'Please try again later')
    if (pull.auto !== null) return problem(409, 'pull request is already scheduled to auto merge')
    pull.auto = String(body['Do'])
    return [201]
  }

  function list({ query }: Call): Reply {
    const state = query.get('state') ?? 'open'
    const into = old ? null : query.get('base_branch')
    const fitting = pulls.filter((pull) => (state === 'all' || pull.state === state) && (!into || pull.into === into))
    return paged(fitting.toReversed().map(shown), query)
  }

  function ofPull({ at: [number, , ...rest] }: Call, method: string, call: Call): Reply {
    const pull = pulls.find((each) => each.number === Number(number))
    if (pull === undefined) return notFound
    const key = `${method} ${rest.join('/')}`
    if (key === 'GET ') return [200, shown(pull)]
    if (key === 'PATCH ') return edit(pull, call)
    if (key === 'POST merge') return schedule(pull, call)
    if (key === 'POST requested_reviewers') {
      const names = [...(call.body['reviewers'] as string[]), ...(call.body['team_reviewers'] as string[])]
      if (names.includes('nobody')) return problem(404, 'user does not exist')
      pull.reviewers.push(...names)
      return [201, []]
    }
    if (key === 'GET comments') return [200, pull.comments.map((body) => ({ body }))]
    if (key === 'POST comments') return (pull.comments.push(String(call.body['body'])), [201, {}])
    if (key !== 'POST labels') return notFound
    for (const id of call.body['labels'] as number[]) if (!pull.labels.includes(id)) pull.labels.push(id)
    return [200, []]
  }

  function byBranches(into: string, from: string): Reply {
    const pull = old ? undefined : pulls.find((each) => !each.fork && each.into === into && each.from === from)
    return pull ? [200, shown(pull)] : notFound
  }

  function answer(method: string, path: string, call: Omit<Call, 'at'>): Reply {
    settle()
    if (path === '/api/v1/user') return [200, { login: 'bot', full_name: 'Ä Bot', email: 'bot@noreply.gitea.invalid' }]
    if (path.startsWith('/api/v1/orgs/acme/labels'))
      return paged(
        labels.filter(({ org }) => org),
        call.query,
      )
    const at = path.slice('/api/v1/repos/acme/claims'.length).split('/').map(decodeURIComponent).slice(1)
    const key = `${method} ${at.join('/')}`
    if (key === 'GET ') return [200, { default_merge_style: 'squash', owner: { login: 'acme' } }]
    if (key === 'GET labels')
      return paged(
        labels.filter(({ org }) => !org),
        call.query,
      )
    if (key === 'GET pulls') return list({ ...call, at })
    if (key === 'POST pulls') return create({ ...call, at })
    if (/^(?:pulls|issues)$/.test(at[0] ?? '') && /^\d+$/.test(at[1] ?? '')) {
      return ofPull({ ...call, at: [at[1]!, at[0]!, ...at.slice(2)] }, method, { ...call, at })
    }
    if (method === 'GET' && at[0] === 'pulls' && at.length > 2) return byBranches(at[1]!, at.slice(2).join('/'))
    return notFound
  }

  async function serveApi(request: IncomingMessage, response: ServerResponse, url: URL, path: string): Promise<void> {
    const text = (await request.toArray()).join('')
    const short = path.replace('/api/v1/repos/acme/claims', '')
    requests.push(`${request.method} ${short}${url.search}`)
    const fault = faults.get(`${request.method} ${short}`)?.shift()
    if (fault?.is === 'hangs') return
    if (fault?.is === 'status') return void response.writeHead(fault.status, fault.headers).end('{"message":"no"}')
    if (fault?.is === 'text') return void response.writeHead(200).end(fault.text)
    const known = request.headers.authorization === `token ${token}`
    const call = { query: url.searchParams, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
    const [status, json, headers] = known
      ? /^\/api\/v1\/(?:repos\/acme\/claims(?:\/|$)|orgs\/|user$)/.test(path)
        ? answer(request.method!, path, call)
        : notFound
      : problem(401, `invalid username, password or token ${request.headers.authorization}`)
    if (fault?.is === 'lost') return void response.destroy()
    response.writeHead(status, { 'content-type': 'application/json;charset=utf-8', ...headers })
    response.end(json === undefined ? '' : JSON.stringify(json))
  }

  const server = await serveGit(origin, {
    before(request, response) {
      const url = new URL(request.url!, 'http://gitea.invalid')
      if (!url.pathname.startsWith(`${base}/`)) return (response.writeHead(404).end('<html>'), true)
      const path = url.pathname.slice(base.length)
      if (path.startsWith('/api/')) {
        serveApi(request, response, url, path).catch(() => response.destroy())
        return true
      }
      const [, password] = Buffer.from(request.headers.authorization?.slice('Basic '.length) ?? '', 'base64')
        .toString()
        .split(':')
      if (password !== token) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="Gitea"' }).end()
        return true
      }
      if (!path.startsWith('/acme/claims.git/')) return (response.writeHead(404).end(), true)
      request.url = `${path.replace('/acme/claims.git', '/origin.git')}${url.search}`
      return false
    },
  })

  return {
    url: `${server.base}${base}`,
    origin,
    pulls,
    labels,
    requests,
    fail: (call, fault, times = 1) => {
      faults.set(call, [...(faults.get(call) ?? []), ...Array.from({ length: times }, () => fault)])
    },
    merge(number) {
      const pull = pulls.find((each) => each.number === number)!
      mergeBranch(origin, pull.from, pull.into)
      Object.assign(pull, { state: 'closed', merged: true })
    },
    open: (from, into, fork = false) => add(from, into, { fork }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      origin[Symbol.dispose]()
    },
  }
}
