/** Reads one repository for the stages that follow it: one list for all of them, one HEAD for each tag. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Version } from '../model.ts'
import type { ImageRegistry, ListedTag, TagList } from '../registry-types/image-registry.ts'
import { select, type TagTimes } from '../tags/select.ts'
import type { Choice, Follower } from './follower.ts'
import { failureOf, none, type Outcome } from './outcome.ts'

export interface Reader {
  /** Rejects for nothing but what is no answer of a registry: what goes wrong there is an outcome. */
  read(wanted: Wanted, signal: AbortSignal): Promise<Reading>
  /** What the process before this one saw: asked whether it still is. */
  recall(tag: string, digest: Digest): void
}

export interface Wanted {
  readonly followers: readonly Follower[]
  /** Chosen tags whose digest is asked for though it is known. */
  readonly again: (tag: string) => boolean
}

export interface Reading {
  /** The very object that the follower has, where nothing is different. */
  readonly outcomes: ReadonlyMap<Follower, Outcome>
  readonly requests: number
  /** Checksum of the list; null: none was asked for. */
  readonly list: Digest | null
}

export interface ReaderParts {
  readonly registry: ImageRegistry
  readonly image: string
  readonly clock: Clock
  readonly recheck: Ms
  readonly deployed: (key: string) => string | null
}

/** More that are all to be dated one by one are asked of nobody. */
const mostDated = 1_000
/** Times of pushes, then of builds: whoever needs more never ends. */
const mostRounds = 3

export function createReader({ registry, image, clock, recheck, deployed }: ReaderParts): Reader {
  const known = new Map<string, { readonly digest: Digest; readonly at: Instant }>()
  /** When what a tag stood for was built. */
  const built = new Map<string, { readonly digest: Digest | null; readonly at: Instant | null }>()
  let withTimes = false
  const where = `${registry.name}/${image}`

  async function read({ followers, again }: Wanted, signal: AbortSignal): Promise<Reading> {
    const outcomes = new Map<Follower, Outcome>()
    const asked = new Map<string, Promise<Digest | null>>()
    let requests = 0
    let list: TagList | null = null

    function digestOf(tag: string): Promise<Digest | null> {
      const before = asked.get(tag)
      if (before) return before
      requests += 1
      const answer = ask(tag, signal)
      asked.set(tag, answer)
      return answer
    }

    async function listTags(): Promise<TagList | null> {
      requests += 1
      list = await registry.listTags(image, signal, withTimes ? { times: true } : {})
      return list
    }

    /** Of a tag that is followed alone. */
    async function still(follower: Follower, tag: string): Promise<Outcome> {
      const digest = await digestOf(tag)
      if (digest === null) return none('not_found', `${where} has no tag ${tag}`)
      return versionOf(follower, { tag, digest, at: null }, signal)
    }

    /** The version that was chosen, with what its tag stands for. */
    async function resolve(follower: Follower, { selected, ...choice }: Choice): Promise<Outcome> {
      if (selected.is === 'no-match') return none('no_match', selected.detail)
      if (selected.is === 'ambiguous') return none('ambiguous', selected.detail)
      const { tag } = selected
      const before = known.get(tag)
      const due = before === undefined || again(tag) || clock.now() - before.at >= recheck
      const digest = choice.digest ?? (due ? await digestOf(tag) : before.digest)
      if (digest === null) return none('not_found', `${where} lists ${tag} and does not have it`)
      // It may have been chosen by its time, which is another one now.
      if (before !== undefined && before.digest !== digest) follower.choice = null
      return versionOf(follower, { tag, digest, at: choice.at }, signal)
    }

    async function chosen({ stage, foldsCase, choice }: Follower): Promise<Choice> {
      const current = deployed(stage.key)
      if (choice && choice.checksum === list!.checksum && choice.current === current) return choice
      for (let round = 1; ; round++) {
        const { tags, checksum } = list!
        const times = tags.map((tag) => timesOf(tag, withTimes, builtAt(tag)))
        const selected = select({ tags: times, selection: stage.selection, foldsCase, current })
        if (selected.is !== 'needs') {
          const tag = selected.is === 'chosen' ? tags.find(({ name }) => name === selected.tag) : undefined
          const at = tag?.pushedAt ?? (tag && builtAt(tag)) ?? null
          return { checksum, current, selected, digest: tag?.digest ?? null, at }
        }
        const ambiguous = (detail: string): Choice => ({
          checksum,
          current,
          selected: { is: 'ambiguous', detail },
          digest: null,
          at: null,
        })
        if (round > mostRounds || (selected.what === 'pushed' && withTimes)) return ambiguous(selected.detail)
        if (selected.what === 'created') {
          if (selected.tags.length > mostDated) return ambiguous(tooMany(selected.tags.length))
          await date(selected.tags, new Map(tags.map((tag) => [tag.name, tag])))
        } else {
          withTimes = true
          if ((await listTags()) === null) return ambiguous(`${where} is not there any more`)
        }
      }
    }

    async function date(names: readonly string[], listed: ReadonlyMap<string, ListedTag>): Promise<void> {
      const one = async (name: string) => {
        const digest = listed.get(name)?.digest ?? known.get(name)?.digest ?? (await digestOf(name))
        built.set(name, { digest, at: digest === null ? null : await registry.createdAt(image, digest, signal) })
      }
      await Promise.all(names.map(one))
    }

    const attempt = async (follower: Follower, work: Promise<Outcome>) => {
      outcomes.set(follower, await work.catch((thrown: unknown) => failure(thrown, signal, clock)))
    }

    async function chooseAll(choosers: readonly Follower[]): Promise<void> {
      if (choosers.length === 0) return
      withTimes ||= choosers.some(({ stage }) => stage.selection.strategy === 'pushed')
      try {
        await listTags()
      } catch (thrown) {
        const failed = failure(thrown, signal, clock)
        for (const follower of choosers) outcomes.set(follower, failed)
        return
      }
      if (list === null) {
        for (const follower of choosers) outcomes.set(follower, none('not_found', `there is no repository ${where}`))
        return
      }
      // One after the other up to the choice: the first that needs times has the list asked for with them.
      const resolving: Promise<void>[] = []
      for (const follower of choosers) {
        const choosing = chosen(follower)
        try {
          follower.choice = await choosing
          resolving.push(attempt(follower, resolve(follower, follower.choice)))
        } catch {
          await attempt(follower, choosing as Promise<never>)
        }
      }
      await Promise.all(resolving)
      forget(list, followers)
    }

    const unreadable = followers.filter(({ fault }) => fault !== null)
    for (const follower of unreadable) outcomes.set(follower, none('ambiguous', follower.fault!.split('\n', 1)[0]!))
    const readable = followers.filter(({ fault }) => fault === null)
    await Promise.all([
      ...readable.map((follower) => follower.fixed !== null && attempt(follower, still(follower, follower.fixed))),
      chooseAll(readable.filter(({ fixed }) => fixed === null)),
    ])
    return { outcomes, requests, list: (list as TagList | null)?.checksum ?? null }
  }

  async function ask(tag: string, signal: AbortSignal): Promise<Digest | null> {
    const before = known.get(tag)?.digest
    const answer = await registry.digestOf(image, tag, signal, before)
    const digest = answer === 'unchanged' ? (before ?? null) : answer
    if (digest !== before) built.delete(tag)
    if (digest === null) known.delete(tag)
    else known.set(tag, { digest, at: clock.now() })
    return digest
  }

  async function versionOf({ stage, outcome }: Follower, version: Version, signal: AbortSignal): Promise<Outcome> {
    let { digest } = version
    if (stage.platform !== null) {
      const { os, architecture } = stage.platform
      const child = await registry.platformDigest(image, digest, stage.platform, signal)
      if (child === null) return none('not_found', `${where}:${version.tag} has nothing for ${os}/${architecture}`)
      digest = child
    }
    const before = outcome?.is === 'version' ? outcome.version : null
    const same = before?.tag === version.tag && before.digest === digest && before.at === version.at
    return same ? outcome! : { is: 'version', version: { ...version, digest } }
  }

  /** undefined: nobody has asked, or of what the tag stood for before. */
  function builtAt({ name, digest }: ListedTag): Instant | null | undefined {
    const found = built.get(name)
    return found === undefined || (digest !== undefined && digest !== found.digest) ? undefined : found.at
  }

  /** What is known of tags that are no more is not kept. */
  function forget(list: TagList, followers: readonly Follower[]): void {
    if (known.size + built.size <= list.tags.length + followers.length) return
    const names = new Set(list.tags.map(({ name }) => name))
    for (const { fixed } of followers) if (fixed !== null) names.add(fixed)
    for (const tag of known.keys()) if (!names.has(tag)) known.delete(tag)
    for (const tag of built.keys()) if (!names.has(tag)) built.delete(tag)
  }

  return {
    read,
    recall(tag, digest) {
      if (!known.has(tag)) known.set(tag, { digest, at: -Infinity })
    },
  }
}

function timesOf({ name, pushedAt }: ListedTag, withTimes: boolean, createdAt: Instant | null | undefined): TagTimes {
  // Asked for with times and without one: the registry does not say.
  const pushed = pushedAt ?? (withTimes ? null : undefined)
  return { name, ...(pushed !== undefined && { pushedAt: pushed }), ...(createdAt !== undefined && { createdAt }) }
}

/** Whoever stops us is no registry that fails. */
function failure(thrown: unknown, signal: AbortSignal, clock: Clock): Outcome {
  signal.throwIfAborted()
  return failureOf(thrown, clock.now())
}

function tooMany(count: number): string {
  return `${count} tags match and would have to be dated one by one; let the pattern match fewer, or order them by name`
}
