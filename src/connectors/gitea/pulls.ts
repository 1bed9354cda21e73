/** Pull requests of Gitea and Forgejo (routers/api/v1/repo/pull.go, 1.17–1.26). */
import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { refused } from '../forge/failure.ts'
import type { ChangeRequest, ChangeRequests, RequestDraft } from '../forge/forge.ts'
import { anything, type GiteaApi } from './api.ts'
import { createFinishing } from './finishing.ts'

/** `label` stays the name of the branch when that is gone; `ref` becomes `refs/pull/…` then. */
const end = z.object({ label: z.string(), repo_id: z.number() })
const pullShape = z.object({
  number: z.int().positive(),
  html_url: z.string(),
  state: z.enum(['open', 'closed']),
  merged: z.boolean().nullish(),
  title: z.string(),
  body: z.string().nullish(),
  head: end,
  base: end,
})
type Pull = z.infer<typeof pullShape>
const pullsShape = z.array(pullShape)
const commentsShape = z.array(z.object({ body: z.string().nullish() }))

/** Each is some 20 kB. Ours is nearly always among the newest. */
const firstPage = 10
/** The most that servers give out by default (`MAX_RESPONSE_ITEMS`). */
const wholePage = 50
/** 5,000 requests: what is further back is not looked for. */
const mostPages = 100
/** Comments are looked for from before this: by whose clock they are dated nobody knows exactly. */
const clocksApart = 10 * 60_000
/** A title that begins so is a draft (`WORK_IN_PROGRESS_PREFIXES`, by default). */
const draftPrefix = /^(?:WIP:|\[WIP\])\s*/i

export function createPulls(api: GiteaApi, host: string, clock: Clock): ChangeRequests {
  /** The number that was found last, by its branches. */
  const found = new Map<string, number>()
  const prefixes = new Map<number, string>()
  const finish = createFinishing(api, clock)

  function told(pull: Pull): ChangeRequest {
    const { number, html_url: url, state, merged, title, body } = pull
    const prefix = draftPrefix.exec(title)?.[0] ?? ''
    prefixes.set(number, prefix)
    found.set(nameOf(pull.head.label, pull.base.label), number)
    return {
      number,
      url,
      title: title.slice(prefix.length),
      body: body ?? '',
      state: merged === true ? 'merged' : state,
    }
  }

  async function page(state: 'all' | 'open' | 'closed', at: number, size: number, into: string, signal: AbortSignal) {
    // Old servers do not know `base_branch`. Without `sort` the newest come first.
    const query = new URLSearchParams({ state, base_branch: into, page: String(at), limit: String(size) }).toString()
    const what = 'list the pull requests'
    const { value, total } = await api.ask({ what, path: `/pulls?${query}`, shape: pullsShape }, signal)
    return { pulls: value ?? [], total }
  }

  /** The first that fits, of all pages. */
  async function search(state: 'open' | 'closed', from: string, into: string, signal: AbortSignal) {
    let seen = 0
    for (let at = 1; at <= mostPages; at++) {
      const { pulls, total } = await page(state, at, wholePage, into, signal)
      const one = pulls.find((pull) => isOf(pull, from, into))
      if (one !== undefined) return one
      // Servers may give out fewer than were asked for.
      seen += pulls.length
      if (pulls.length === 0 || (total !== null && seen >= total)) return null
    }
    return null
  }

  async function known(from: string, into: string, signal: AbortSignal): Promise<Pull | null> {
    const number = found.get(nameOf(from, into))
    if (number === undefined) return null
    const what = `read pull request ${number}`
    const { value } = await api.ask({ what, path: `/pulls/${number}`, shape: pullShape, also: [404] }, signal)
    return value !== null && isOf(value, from, into) ? value : null
  }

  /** Whether there ever was one, without reading all of them. No server before 1.18 knows; these say no. */
  async function was(from: string, into: string, signal: AbortSignal): Promise<boolean> {
    const path = `/pulls/${encodeURIComponent(into)}/${from.split('/').map(encodeURIComponent).join('/')}`
    const what = `find the pull request of ${from}`
    const { value } = await api.ask({ what, path, shape: pullShape, also: [404] }, signal)
    return value !== null
  }

  async function find(from: string, into: string, signal: AbortSignal): Promise<Pull | null> {
    const last = await known(from, into, signal)
    // There is never more than one open request of the same branches.
    if (last?.state === 'open') return last
    const { pulls, total } = await page('all', 1, firstPage, into, signal)
    const more = pulls.length > 0 && (total === null || pulls.length < total)
    const fitting = pulls.filter((pull) => isOf(pull, from, into))
    const open = fitting.find(({ state }) => state === 'open')
    if (open !== undefined || !more) return open ?? fitting[0] ?? null
    const older = await search('open', from, into, signal)
    if (older !== null || fitting[0] !== undefined) return older ?? fitting[0] ?? null
    return (await was(from, into, signal)) ? search('closed', from, into, signal) : null
  }

  /** null: there is one already. */
  async function post({ from, into, title, body, draft }: RequestDraft, signal: AbortSignal): Promise<Pull | null> {
    const sent = { head: from, base: into, title: draft === true ? `WIP: ${title}` : title, body }
    const what = `open a pull request of ${from}`
    const ask = { what, method: 'POST', path: '/pulls', body: sent, shape: pullShape, also: [409] } as const
    return (await api.ask(ask, signal)).value
  }

  async function change(number: number, body: object, what: string, signal: AbortSignal): Promise<void> {
    // 412: it is merged; then nothing of it is to be changed any more.
    const ask = { what, method: 'PATCH', path: `/pulls/${number}`, body, also: [412], repeat: true } as const
    await api.ask({ ...ask, shape: anything }, signal)
  }

  return {
    async find(from, into, signal) {
      const pull = await find(from, into, signal)
      return pull && told(pull)
    },
    async open(draft, signal) {
      const { from, into } = draft
      const look = () => search('open', from, into, signal)
      const made = await api.once(() => post(draft, signal), look, signal)
      if (made !== null) {
        await finish(made.number, draft, signal)
        return told(made)
      }
      const there = await look()
      if (there !== null) return told(there)
      const detail = `${host} says that there is a pull request of ${from} already, and shows none; look there`
      throw refused(detail, { host, why: 'conflict', status: 409 })
    },
    async update(number, { title, body }, signal) {
      if (!prefixes.has(number)) {
        const what = `read pull request ${number}`
        const { value } = await api.ask({ what, path: `/pulls/${number}`, shape: pullShape }, signal)
        if (value !== null) told(value)
      }
      const sent = { title: `${prefixes.get(number) ?? ''}${title}`, body }
      await change(number, sent, `update pull request ${number}`, signal)
    },
    close: (number, signal) => change(number, { state: 'closed' }, `close pull request ${number}`, signal),
    async comment(number, text, signal) {
      const what = `comment on pull request ${number}`
      const path = `/issues/${number}/comments`
      const since = new Date(clock.now() - clocksApart).toISOString()
      const look = async (): Promise<true | null> => {
        const { value } = await api.ask({ what, path: `${path}?since=${since}`, shape: commentsShape }, signal)
        return value?.some(({ body }) => body === text) === true ? true : null
      }
      const act = async (): Promise<true> => {
        await api.ask({ what, method: 'POST', path, body: { body: text }, shape: anything }, signal)
        return true
      }
      // Whoever did not hear of it comes again.
      if ((await look()) === null) await api.once(act, look, signal)
    },
  }
}

const nameOf = (from: string, into: string) => `${from}\n${into}`

/** Of a branch of this repository, not of one with its name in a fork. */
function isOf({ head, base }: Pull, from: string, into: string): boolean {
  return head.label === from && base.label === into && head.repo_id === base.repo_id
}
