/** What is done to a pull request that is open; what cannot be done is told, and the request stays. */
import { z } from 'zod'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { attempt } from '../forge/answers.ts'
import type { RequestDraft } from '../forge/forge.ts'
import { anything, type GiteaApi } from './api.ts'

const labelsShape = z.array(z.object({ id: z.int(), name: z.string() }))
const repositoryShape = z.object({
  default_merge_style: z.string().nullish(),
  owner: z.object({ login: z.string() }).nullish(),
})

const pageSize = 50
const mostPages = 20
/** Gitea looks for conflicts after it has answered; until then it says 405. */
const [tries, pause]: [number, Ms] = [5, 1000]

export function createFinishing(api: GiteaApi, clock: Clock) {
  const post = (what: string, path: string, body: object, signal: AbortSignal) =>
    api.ask({ what, method: 'POST', path, body, shape: anything, repeat: true }, signal)

  async function labelsAt(path: string, what: string, signal: AbortSignal): Promise<Map<string, number>> {
    const known = new Map<string, number>()
    for (let page = 1; page <= mostPages; page++) {
      const ask = { what, path: `${path}?page=${page}&limit=${pageSize}`, shape: labelsShape, also: [404] }
      const labels = (await api.ask(ask, signal)).value ?? []
      for (const { id, name } of labels) if (!known.has(name)) known.set(name, id)
      if (labels.length === 0) break
    }
    return known
  }

  /** By their numbers: names are taken only by newer servers, which say nothing of those that they do not know. */
  async function label(number: number, draft: RequestDraft, what: string, signal: AbortSignal): Promise<void> {
    const wanted = draft.labels ?? []
    const known = await labelsAt('/labels', what, signal)
    if (wanted.some((name) => !known.has(name))) {
      const { value } = await api.ask({ what, path: '', shape: repositoryShape }, signal)
      const owner = encodeURIComponent(value?.owner?.login ?? '')
      for (const [name, id] of await labelsAt(`/api/v1/orgs/${owner}/labels`, what, signal)) {
        if (!known.has(name)) known.set(name, id)
      }
    }
    for (const name of wanted) {
      if (!known.has(name)) draft.told?.(`could not ${what}: there is no label ${name}; make it`)
    }
    const labels = wanted.flatMap((name) => known.get(name) ?? [])
    if (labels.length > 0) await post(what, `/issues/${number}/labels`, { labels }, signal)
  }

  async function merge(number: number, what: string, signal: AbortSignal): Promise<void> {
    const { value } = await api.ask({ what, path: '', shape: repositoryShape }, signal)
    const body = { Do: value?.default_merge_style ?? 'merge', merge_when_checks_succeed: true }
    for (let tried = 1; ; tried++) {
      // 409: it was told before.
      const also = tried < tries ? [405, 409] : [409]
      const ask = { what, method: 'POST', path: `/pulls/${number}/merge`, body, shape: anything, also } as const
      if ((await api.ask(ask, signal)).status !== 405) return
      await clock.sleep(pause, signal)
      signal.throwIfAborted()
    }
  }

  return async (number: number, draft: RequestDraft, signal: AbortSignal): Promise<void> => {
    const { labels = [], reviewers = [], autoMerge = false } = draft
    if (labels.length > 0) {
      const what = `label pull request ${number}`
      await attempt(what, draft, () => label(number, draft, what, signal))
    }
    if (reviewers.length > 0) {
      const what = `ask for reviews of pull request ${number}`
      // `org/team` is a team.
      const teams = reviewers.filter((name) => name.includes('/')).map((name) => name.slice(name.indexOf('/') + 1))
      const body = { reviewers: reviewers.filter((name) => !name.includes('/')), team_reviewers: teams }
      await attempt(what, draft, () => post(what, `/pulls/${number}/requested_reviewers`, body, signal))
    }
    if (autoMerge) {
      const what = `merge pull request ${number} when it is ready`
      await attempt(what, draft, () => merge(number, what, signal))
    }
  }
}
