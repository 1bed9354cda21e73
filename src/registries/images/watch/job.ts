/** Why a repository is looked at, and which of its stages that is about. */
import { folded, follows, type Follower } from './follower.ts'

export interface Job {
  /** All stages, and their tags also where nothing says that they are others. */
  everything: boolean
  /** A webhook told of it: that is what is found counts for. */
  webhook: boolean
  /** A person asked, or the engine: what is found says nothing of webhooks. */
  asked: boolean
  /** Only stages that can be concerned by these. */
  readonly tags: Set<string>
}

export const emptyJob = (): Job => ({ everything: false, webhook: false, asked: false, tags: new Set() })

/** Both in one look. */
export function merge(into: Job, more: Job | null): Job {
  if (more === null) return into
  into.everything ||= more.everything
  into.webhook ||= more.webhook
  into.asked ||= more.asked
  for (const tag of more.tags) into.tags.add(tag)
  return into
}

/** Whom a look is for: those that it is about, that are due, or that could not be told of before. */
export function followersOf(
  job: Job,
  followers: Iterable<Follower>,
  due: (follower: Follower) => boolean,
): readonly Follower[] {
  const all = [...followers]
  const chosen = all.filter((follower) => {
    const { outcome } = follower
    if (job.everything || outcome === null || outcome.is === 'failed' || due(follower)) return true
    for (const tag of job.tags) if (follows(follower, tag)) return true
    return false
  })
  if (!chosen.some(({ fixed }) => fixed === null) || chosen.length === all.length) return chosen
  // The list that is read anyway tells of these as well.
  return all.filter((follower) => chosen.includes(follower) || (follower.fixed === null && follower.stage.polling))
}

/** Whether it is asked again what a chosen tag stands for. */
export function againOf(job: Job, foldsCase: boolean): (tag: string) => boolean {
  if (job.everything) return () => true
  const named = new Set([...job.tags].map((tag) => folded(tag, foldsCase)))
  return (tag) => named.has(folded(tag, foldsCase))
}
