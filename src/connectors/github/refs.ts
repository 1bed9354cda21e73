/** Branches. */
import { refusedBy } from './errors.ts'
import { pathIn, type Contents } from './contents.ts'
import { branchAnswer, compareAnswer, refsAnswer, take } from './reading.ts'
import type { Place } from './place.ts'
import type { Answer, Send } from './send.ts'

export interface Refs {
  head(branch: string, signal: AbortSignal): Promise<string | null>
  move(branch: string, to: string, from: string | null, signal: AbortSignal): Promise<'moved' | 'elsewhere'>
  remove(branch: string, at: string, signal: AbortSignal): Promise<'removed' | 'elsewhere'>
  branches(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  follows(commit: string, earlier: string, signal: AbortSignal): Promise<boolean>
}

type Done = 'done' | 'elsewhere'

const heads = 'refs/heads/'
/** In place of a commit: there is no such branch (GitHub docs: RefUpdate). */
const nothing = '0'.repeat(40)
/** REST cannot say from where a branch may be moved: between reading it and forcing it somebody's commit would be lost. */
const updateRefs = 'mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }'
const mostPages = 100

export function createRefs(send: Send, place: Place, contents: Pick<Contents, 'knows'>): Refs {
  async function head(branch: string, signal: AbortSignal): Promise<string | null> {
    const what = `read the head of ${branch}`
    const path = `/branches/${pathIn(branch)}`
    const { status, json, headers } = await send({ what, path, validated: true, also: [301, 404] }, signal)
    if (status === 200) {
      const { commit } = take(branchAnswer, json, send.asked(what))
      if (commit.commit !== undefined) contents.knows(commit.sha, commit.commit.tree.sha)
      return commit.sha
    }
    // A branch that was renamed is found under its old name, which nobody can write to; else the repository was.
    if (status === 301 && String(headers['location']).includes('/branches/')) return null
    // The same status where the whole repository is not there, or not for us.
    if (status === 301 || messageOf(json) !== 'Branch not found') await place.check(signal)
    return null
  }

  /** What became of a change from `from` to `to`; null: nothing. */
  async function became(branch: string, to: string | null, from: string, signal: AbortSignal): Promise<Done | null> {
    const is = await head(branch, signal)
    if (is === to) return 'done'
    return is === from ? null : 'elsewhere'
  }

  async function change(branch: string, to: string | null, from: string, signal: AbortSignal): Promise<Done> {
    const what = to === null ? `remove ${branch}` : `move ${branch}`
    const look = () => became(branch, to, from, signal)
    const act = async (): Promise<Done> => {
      const said = (await byGraphql(branch, to, from, what, signal)) ?? (await byRest(branch, to, from, what, signal))
      if (said === 'done' || said === 'elsewhere') return said
      const done = await look()
      if (done !== null) return done
      throw refusedBy(send.asked(what), said.refused)
    }
    return send.once(act, look, signal)
  }

  /** null: there is no GraphQL here. */
  async function byGraphql(branch: string, to: string | null, from: string, what: string, signal: AbortSignal) {
    const repositoryId = await place.graphqlId(signal)
    if (repositoryId === null) return null
    const update = { name: `${heads}${branch}`, beforeOid: from, afterOid: to ?? nothing, force: true }
    const variables = { input: { repositoryId, refUpdates: [update] } }
    const answer = await send.graphql({ what, query: updateRefs, variables }, signal)
    if (answer === null) {
      place.withoutGraphql()
      return null
    }
    return answer.refused === null ? ('done' as const) : { refused: answer.refused }
  }

  async function byRest(branch: string, to: string | null, from: string, what: string, signal: AbortSignal) {
    const before = await became(branch, to, from, signal)
    if (before !== null) return before
    const path = `/git/refs/heads/${pathIn(branch)}`
    const ask =
      to === null ? { method: 'DELETE' as const } : { method: 'PATCH' as const, body: { sha: to, force: true } }
    const answer = await send({ what, path, ...ask, also: [404, 422] }, signal)
    return answer.status < 300 ? ('done' as const) : { refused: messageOf(answer.json) }
  }

  async function create(branch: string, to: string, signal: AbortSignal): Promise<Done> {
    const what = `make ${branch}`
    const look = async (): Promise<Done | null> => {
      const is = await head(branch, signal)
      return is === null ? null : is === to ? 'done' : 'elsewhere'
    }
    const act = async (): Promise<Done> => {
      const body = { ref: `${heads}${branch}`, sha: to }
      const answer = await send({ what, method: 'POST', path: '/git/refs', body, also: [422] }, signal)
      if (answer.status < 300) return 'done'
      const done = await look()
      if (done !== null) return done
      throw refusedBy(send.asked(what), messageOf(answer.json))
    }
    return send.once(act, look, signal)
  }

  return {
    head,
    async move(branch, to, from, signal) {
      const done = from === null ? await create(branch, to, signal) : await change(branch, to, from, signal)
      return done === 'done' ? 'moved' : 'elsewhere'
    },
    async remove(branch, at, signal) {
      return (await change(branch, null, at, signal)) === 'done' ? 'removed' : 'elsewhere'
    },
    async branches(prefix, signal) {
      const what = `list the branches ${prefix}*`
      const found = new Map<string, string>()
      for (let page = 1; page <= mostPages; page += 1) {
        // The documentation knows no pages here; where there are some, all are read.
        const path = `/git/matching-refs/heads/${pathIn(prefix)}${page === 1 ? '' : `?page=${page}`}`
        const answer = await send({ what, path, validated: true }, signal)
        for (const { ref, object } of take(refsAnswer, answer.json, send.asked(what))) {
          if (ref.startsWith(heads + prefix)) found.set(ref.slice(heads.length), object.sha)
        }
        if (!hasNext(answer)) break
      }
      return found
    },
    async follows(commit, earlier, signal) {
      if (commit === earlier) return true
      const what = `compare ${commit} with ${earlier}`
      // The files, with their patches, are on the first page only.
      const path = `/compare/${encodeURIComponent(earlier)}...${encodeURIComponent(commit)}?per_page=1&page=2`
      const { status, json } = await send({ what, path, also: [404] }, signal)
      if (status === 200) return ['ahead', 'identical'].includes(take(compareAnswer, json, send.asked(what)).status)
      await place.check(signal)
      return false
    },
  }
}

/** The link itself is not followed: it may lead anywhere. */
function hasNext({ headers }: Answer): boolean {
  return /\brel="?next"?/.test(String(headers['link'] ?? ''))
}

function messageOf(json: unknown): string {
  const { message } = (json ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : ''
}
