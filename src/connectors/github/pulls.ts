/** Pull requests. */
import type { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { attempt } from '../forge/answers.ts'
import type { ChangeRequest, ChangeRequests, RequestDraft } from '../forge/forge.ts'
import { messageIn, refusedBy } from './errors.ts'
import { commentsAnswer, pullAnswer, pullsAnswer, take } from './reading.ts'
import type { Send } from './send.ts'

type Pull = z.infer<typeof pullAnswer>

/** Each is some 20 kB. An open one is nearly always the newest; GitHub refuses a second one in any case. */
const perPage = 10
/** Comments are looked for from before this: by whose clock they are dated nobody knows exactly. */
const clocksApart = 10 * 60_000

const autoMerge =
  'mutation($id: ID!) { enablePullRequestAutoMerge(input: { pullRequestId: $id }) { clientMutationId } }'

export function createPulls(send: Send, repository: string, clock: Pick<Clock, 'now'>): ChangeRequests {
  const owner = repository.slice(0, repository.indexOf('/'))

  async function list(from: string, into: string, state: 'all' | 'open', signal: AbortSignal): Promise<Pull[]> {
    const what = `find the pull request of ${from}`
    const query = new URLSearchParams({
      state,
      head: `${owner}:${from}`,
      base: into,
      sort: 'created',
      direction: 'desc',
      per_page: String(perPage),
    })
    const { json } = await send({ what, path: `/pulls?${query.toString()}`, validated: true }, signal)
    return take(pullsAnswer, json, send.asked(what))
  }

  const newestOpen = async (from: string, into: string, signal: AbortSignal): Promise<Pull | null> =>
    (await list(from, into, 'open', signal))[0] ?? null

  async function post(draft: RequestDraft, signal: AbortSignal): Promise<Pull> {
    const { from, into, title, body } = draft
    const what = `open a pull request of ${from}`
    const ask = { what, method: 'POST', path: '/pulls', also: [422] } as const
    const content = { title, body, head: from, base: into }
    const said = (json: unknown) => messageIn(Buffer.from(JSON.stringify(json ?? null)))
    let answer = await send({ ...ask, body: { ...content, draft: draft.draft ?? false } }, signal)
    if (answer.status === 422 && draft.draft === true && /draft/i.test(said(answer.json))) {
      draft.told?.('this repository has no draft pull requests: it was opened as ready')
      answer = await send({ ...ask, body: { ...content, draft: false } }, signal)
    }
    if (answer.status !== 422) return take(pullAnswer, answer.json, send.asked(what))
    const known = await newestOpen(from, into, signal)
    if (known !== null) return known
    throw refusedBy(send.asked(what), said(answer.json))
  }

  const { finish } = createFinishing(send)

  return {
    async find(from, into, signal) {
      const found = await list(from, into, 'all', signal)
      const best = found.find(({ state }) => state === 'open') ?? found[0]
      return best === undefined ? null : requestOf(best)
    },
    async open(draft, signal) {
      const { from, into } = draft
      const look = () => newestOpen(from, into, signal)
      // Where there is one already, GitHub refuses a second one.
      const made = await send.once(() => post(draft, signal), look, signal)
      await finish(made, draft, signal)
      return requestOf(made)
    },
    async update(number, { title, body }, signal) {
      const what = `update pull request ${number}`
      await send({ what, method: 'PATCH', path: `/pulls/${number}`, body: { title, body }, repeat: true }, signal)
    },
    async close(number, signal) {
      const what = `close pull request ${number}`
      await send({ what, method: 'PATCH', path: `/pulls/${number}`, body: { state: 'closed' }, repeat: true }, signal)
    },
    async comment(number, text, signal) {
      const what = `comment on pull request ${number}`
      const path = `/issues/${number}/comments`
      const since = new Date(clock.now() - clocksApart).toISOString()
      const look = async (): Promise<true | null> => {
        const { json } = await send({ what, path: `${path}?per_page=100&since=${since}` }, signal)
        const comments = take(commentsAnswer, json, send.asked(what))
        return comments.some(({ body }) => body === text) ? true : null
      }
      const act = async (): Promise<true> => {
        await send({ what, method: 'POST', path, body: { body: text } }, signal)
        return true
      }
      // Whoever did not hear of it comes again.
      if ((await look()) === null) await send.once(act, look, signal)
    },
  }
}

/** What is done to a request that is open; what cannot be done is told, and the request stays. */
function createFinishing(send: Send) {
  async function ask(path: string, body: object, what: string, signal: AbortSignal): Promise<void> {
    await send({ what, method: 'POST', path, body, repeat: true }, signal)
  }

  async function merge(id: string, what: string, signal: AbortSignal): Promise<void> {
    const answer = await send.graphql({ what, query: autoMerge, variables: { id } }, signal)
    if (answer === null) throw refusedBy(send.asked(what), 'it has no GraphQL')
    if (answer.refused !== null) throw refusedBy(send.asked(what), answer.refused)
  }

  return {
    async finish({ number, node_id: id }: Pull, draft: RequestDraft, signal: AbortSignal): Promise<void> {
      const { labels = [], reviewers = [] } = draft
      if (labels.length > 0) {
        const what = `label pull request ${number}`
        await attempt(what, draft, () => ask(`/issues/${number}/labels`, { labels }, what, signal))
      }
      if (reviewers.length > 0) {
        const what = `ask for reviews of pull request ${number}`
        // `org/team` is a team.
        const teams = reviewers.filter((name) => name.includes('/')).map((name) => name.slice(name.indexOf('/') + 1))
        const body = { reviewers: reviewers.filter((name) => !name.includes('/')), team_reviewers: teams }
        await attempt(what, draft, () => ask(`/pulls/${number}/requested_reviewers`, body, what, signal))
      }
      if (draft.autoMerge === true && id !== undefined) {
        const what = `merge pull request ${number} when it is ready`
        await attempt(what, draft, () => merge(id, what, signal))
      }
    },
  }
}

function requestOf({ number, html_url: url, state, merged_at: merged, title, body }: Pull): ChangeRequest {
  return { number, url, state: merged == null ? state : 'merged', title, body: body ?? '' }
}
