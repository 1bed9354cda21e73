/** The routes of the fake that are about pull requests (docs.github.com/rest/pulls, /rest/issues), and its GraphQL. */
import type { MemoryRepository, MemoryRequest } from '../../forge/testing/memory-repository.ts'
import { error, reply, type FakeReply, type Route } from './fake-route.ts'
import { wholePull, type Shapes } from './fake-shapes.ts'

export interface FakePullsOptions {
  readonly repository: MemoryRepository
  readonly shapes: Shapes
  readonly owner: string
  /** People who can be asked to review. */
  readonly people: readonly string[]
  readonly drafts: boolean
}

/** The longest body that GitHub takes. */
const longestBody = 65_536

export function pullRoutes({ repository, shapes, owner, people, drafts }: FakePullsOptions): Route[] {
  const shape = (request: MemoryRequest) =>
    shapes.pull(request, {
      head: repository.branches.get(request.from) ?? '0'.repeat(40),
      base: repository.branches.get(request.into) ?? '0'.repeat(40),
    })
  const at = (number: string | undefined) => repository.requests[Number(number) - 1]
  const invalid = (message: string) =>
    reply(422, {
      message: 'Validation Failed',
      errors: [{ resource: 'PullRequest', code: 'custom', message }],
      documentation_url: 'https://docs.github.com/rest',
    })

  return [
    {
      on: 'GET /pulls',
      answer({ query }) {
        const [state, head, base] = [query.get('state') ?? 'open', query.get('head'), query.get('base')]
        const found = repository.requests
          .filter((one) => state === 'all' || (one.state === 'open') === (state === 'open'))
          .filter((one) => (head === null || head === `${owner}:${one.from}`) && (base === null || base === one.into))
        const sorted = query.get('direction') === 'asc' ? found : found.toReversed()
        return reply(200, sorted.slice(0, Number(query.get('per_page') ?? 30)).map(shape))
      },
    },
    {
      on: 'POST /pulls',
      answer({ json }) {
        const {
          head,
          base,
          title,
          body,
          draft = false,
        } = json as Record<'head' | 'base' | 'title' | 'body', string> & {
          draft?: boolean
        }
        const [from, into] = [repository.branches.get(head), repository.branches.get(base)]
        if (from === undefined || into === undefined) return invalid('Field head or base is invalid')
        if (draft && !drafts) return error(422, 'Draft pull requests are not supported in this repository.')
        if (body.length > longestBody) return invalid(`body is too long (maximum is ${longestBody} characters)`)
        if (repository.requests.some((one) => one.state === 'open' && one.from === head && one.into === base)) {
          return invalid(`A pull request already exists for ${owner}:${head}.`)
        }
        if (repository.isAncestor(from, into)) return invalid(`No commits between ${base} and ${head}`)
        return reply(201, { ...shape(repository.open({ from: head, into: base, title, body, draft })), ...wholePull })
      },
    },
    {
      on: 'PATCH /pulls/(\\d+)',
      answer({ params: [number], json }) {
        const request = at(number)
        if (request === undefined) return error(404, 'Not Found')
        const { title, body, state } = json as { title?: string; body?: string; state?: 'open' | 'closed' }
        if ((body?.length ?? 0) > longestBody) return invalid(`body is too long (maximum is ${longestBody} characters)`)
        if (title !== undefined) request.title = title
        if (body !== undefined) request.body = body
        if (state === 'closed' && request.state === 'open') request.state = 'closed'
        return reply(200, { ...shape(request), ...wholePull })
      },
    },
    {
      on: 'GET /issues/(\\d+)/comments',
      answer: ({ params: [number] }) =>
        reply(200, at(number)?.comments.map((body, id) => shapes.comment(id, body)) ?? []),
    },
    {
      on: 'POST /issues/(\\d+)/comments',
      answer({ params: [number], json }) {
        const request = at(number)
        if (request === undefined) return error(404, 'Not Found')
        const { body } = json as { body: string }
        return reply(201, shapes.comment(request.comments.push(body), body))
      },
    },
    {
      on: 'POST /issues/(\\d+)/labels',
      answer({ params: [number], json }) {
        const request = at(number)
        if (request === undefined) return error(404, 'Not Found')
        for (const label of (json as { labels: string[] }).labels) {
          if (!request.labels.includes(label)) request.labels.push(label)
        }
        return reply(200, request.labels.map(shapes.label))
      },
    },
    {
      on: 'POST /pulls/(\\d+)/requested_reviewers',
      answer({ params: [number], json }) {
        const request = at(number)
        if (request === undefined) return error(404, 'Not Found')
        const { reviewers, team_reviewers: teams } = json as { reviewers: string[]; team_reviewers: string[] }
        if (!reviewers.every((one) => people.includes(one))) {
          return error(422, 'Reviews may only be requested from collaborators.')
        }
        request.reviewers.push(...reviewers, ...teams.map((team) => `team:${team}`))
        return reply(201, shape(request))
      },
    },
  ]
}

interface GraphqlBody {
  readonly query: string
  readonly variables: {
    readonly id?: string
    readonly input?: {
      readonly repositoryId: string
      readonly refUpdates: readonly { name: string; beforeOid: string; afterOid: string; force: boolean }[]
    }
  }
}

/** Only the two mutations that are asked for. */
export function graphqlReply(
  { repository, mergeable, isProtected }: GraphqlOptions,
  { query, variables }: GraphqlBody,
): FakeReply {
  const refuse = (message: string, type = 'UNPROCESSABLE') => reply(200, { data: null, errors: [{ type, message }] })
  if (query.includes('enablePullRequestAutoMerge')) {
    const request = repository.requests[Number(variables.id?.slice('PR_'.length)) - 1]
    if (request === undefined) return refuse('Could not resolve to a node', 'NOT_FOUND')
    if (!mergeable) return refuse('Auto merge is not allowed for this repository')
    request.autoMerge = true
    return reply(200, { data: { enablePullRequestAutoMerge: { clientMutationId: null } } })
  }
  if (variables.input?.repositoryId !== 'R_1') return refuse('Could not resolve to a node', 'NOT_FOUND')
  for (const { name, beforeOid, afterOid, force } of variables.input.refUpdates) {
    const branch = name.replace('refs/heads/', '')
    const is = repository.branches.get(branch) ?? nothing
    if (is !== beforeOid)
      return refuse(`Expected branch to point to "${beforeOid}" but it pointed to "${is}".`, 'STALE_DATA')
    if (isProtected(branch)) return refuse('Cannot force-push to this branch', 'UNPROCESSABLE')
    if (afterOid !== nothing && !repository.commits.has(afterOid))
      return refuse('Could not resolve to a commit', 'NOT_FOUND')
    if (!force) return refuse('Update is not a fast forward')
    repository.set(branch, afterOid === nothing ? null : afterOid)
  }
  return reply(200, { data: { updateRefs: { clientMutationId: null } } })
}

export interface GraphqlOptions {
  readonly repository: MemoryRepository
  /** Requests may merge by themselves. */
  readonly mergeable: boolean
  readonly isProtected: (branch: string) => boolean
}

const nothing = '0'.repeat(40)
