/**
 * One branch and one request that say what is wanted now, whatever they said before. The commit is made first, which
 * nobody sees; then the branch is moved onto it, whether or not it follows what was there; then the request is told.
 * What is owed says at each step what may have happened, so that a death in between is no more than a step done twice.
 */
import type { ChangeRequest, Forge } from '../../../connectors/forge/forge.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { sha256, type Digest } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { bodyOf, markIn, obsoleteBody, sameText, type BodyRow, type Mark } from './body.ts'
import { clearedState, type RollState } from './state.ts'

export interface RollOptions {
  readonly forge: Forge
  readonly clock: Clock
  readonly logger: Logger
  /** Into this one. */
  readonly base: string
  readonly branch: string
  readonly title: string
  /** Of commits. */
  readonly message: string
  readonly labels: readonly string[]
  readonly reviewers: readonly string[]
  readonly draft: boolean
  readonly autoMerge: boolean
}

/** What the base should say and does not. */
export interface Wanted {
  /** The head of the base, and the registry file that it holds. */
  readonly base: string
  readonly blob: string
  /** The same for the same changes, whatever else there is in the file. */
  readonly content: Digest
  readonly rows: readonly BodyRow[]
  /** Whole contents by path. Asked for only when a commit is made. */
  files(): ReadonlyMap<string, Buffer | null>
}

/** What one turn may do and where it notes it. */
export interface Turn {
  owe(state: RollState): Promise<void>
  fence(): void
  readonly signal: AbortSignal
}

/** What changes wait on; `none`: the base says it all. */
export type Standing = 'none' | 'change-request' | 'branch' | 'foreign-commit' | 'snoozed'

export interface Rolled {
  readonly state: RollState
  readonly standing: Standing
}

export interface Rolling {
  /** `wanted` null: the base says all that it should. */
  roll(wanted: Wanted | null, state: RollState, turn: Turn): Promise<Rolled>
  /** Whether that would change anything at the forge, as far as is known. */
  writes(wanted: Wanted | null, state: RollState): boolean
}

/** Least time between two looks at our branch, and at our request, while they say what they should. */
const branchEvery: Ms = 30_000
const requestEvery: Ms = 5 * 60_000

/** Earlier commits of ours that are still known as such. */
const mostCommits = 4

export function createRolling(options: RollOptions): Rolling {
  const { forge, clock, branch, base, logger } = options
  const { requests } = forge
  let branchAt: Instant | null = null
  let requestAt: Instant | null = null
  /** Heads of the base that follow the one our commit was made on. */
  let followed: readonly string[] = []
  const due = (at: Instant | null, every: Ms) => at === null || clock.monotonic() - at >= every

  async function head(signal: AbortSignal): Promise<string | null> {
    const found = await forge.head(branch, signal)
    branchAt = clock.monotonic()
    return found
  }

  async function find(signal: AbortSignal): Promise<ChangeRequest | null> {
    if (requests === null) return null
    const found = await requests.find(branch, base, signal)
    requestAt = clock.monotonic()
    return found
  }

  /** Branch and request say it, as far as is known, and could be merged as they are. */
  function says(wanted: Wanted, state: RollState): boolean {
    return state.phase === 'made' && state.foreign === null && fits(wanted, state)
  }

  function fits({ content, blob }: Wanted, state: RollState): boolean {
    return state.content === content && state.blob === blob
  }

  /** Where the base was moved back, what it lost would return through our branch. */
  async function isOnBase(wanted: Wanted, { on }: RollState, signal: AbortSignal): Promise<boolean> {
    if (on === wanted.base || followed.includes(`${on} ${wanted.base}`)) return true
    if (on === null || !(await forge.follows?.(wanted.base, on, signal))) return false
    followed = [`${on} ${wanted.base}`]
    return true
  }

  async function quiet(wanted: Wanted, work: Work): Promise<Rolled> {
    const { state, signal } = work
    if (!(await isOnBase(wanted, state, signal))) return renew(wanted, work)
    if (!due(branchAt, branchEvery)) return work.rolled(made)
    const at = await head(signal)
    if (at !== state.commits[0]) return renew(wanted, work, { at })
    if (requests === null || !due(requestAt, requestEvery)) return work.rolled(made)
    const request = await find(signal)
    if (request?.state !== 'open') return renew(wanted, work, { at, request })
    return work.rolled(made)
  }

  /** It was closed unmerged: a person may open it again. */
  async function resting(wanted: Wanted, work: Work): Promise<Rolled> {
    if (!due(requestAt, requestEvery)) return work.rolled('snoozed')
    const request = await find(work.signal)
    return request === null || isSnoozed(request, wanted, work.state)
      ? work.rolled('snoozed')
      : renew(wanted, work, { request })
  }

  async function renew(wanted: Wanted, work: Work, found: Found = {}): Promise<Rolled> {
    const { signal } = work
    const request = found.request === undefined ? await find(signal) : found.request
    if (request !== null && isSnoozed(request, wanted, work.state)) {
      await work.save({ snoozed: wanted.content, request: request.number })
      return work.rolled('snoozed')
    }
    // Where it should be, it is, while a request is open from it; moving it says if not. Merged, it may be gone.
    const { phase, foreign, commits } = work.state
    const open = forge.requests === null || request?.state === 'open'
    const sure = open && foreign === null && (phase === 'made' || phase === 'none')
    const at = found.at !== undefined ? found.at : sure ? (commits[0] ?? null) : await head(signal)
    const adopted = at !== null && (await adopts(at, request, wanted, work))
    if (at !== null && !adopted && !isOurs(at, request, work.state)) return stop(at, request, work)
    const stands = at !== null && at === work.state.commits[0] && fits(wanted, work.state)
    if (!stands || !(await isOnBase(wanted, work.state, signal))) {
      const theirs = await commit(wanted, work, { at, request })
      if (theirs !== null) return stop(theirs, request, work)
    }
    return tell(wanted, request, work)
  }

  /** Where nothing is known any more, a branch that says what is wanted is as good as a new one. */
  async function adopts(at: string, request: ChangeRequest | null, wanted: Wanted, work: Work): Promise<boolean> {
    if (work.state.phase !== 'unknown') return false
    const mark = request && markIn(request.body)
    const { base: on, blob, content } = wanted
    if (mark ? !isMark(mark, { commit: at, content, blob: sha256(blob) }) : !(await holds(at, wanted, work.signal))) {
      return false
    }
    await work.save({ phase: 'making', commits: [at], on, blob, content })
    return true
  }

  async function holds(at: string, wanted: Wanted, signal: AbortSignal): Promise<boolean> {
    for (const [path, bytes] of wanted.files()) {
      const read = await forge.read(at, path, signal)
      if (bytes === null ? read.is !== 'missing' : read.is !== 'file' || !read.bytes.equals(bytes)) return false
    }
    return true
  }

  /** Makes the commit and moves the branch onto it; answers the commit of somebody else that is in the way. */
  async function commit(wanted: Wanted, work: Work, { at, request }: Required<Found>): Promise<string | null> {
    const { signal } = work
    const { base: on, blob, content } = wanted
    work.fence()
    const made = await forge.commit({ parent: on, files: wanted.files(), message: options.message }, signal)
    const older = work.state
    const known = [...(at === null ? [] : [at]), ...older.commits.filter((one) => one !== at)]
    await work.save({ phase: 'making', commits: [made, ...known].slice(0, mostCommits), on, blob, content })
    let from = at
    for (let attempt = 0; attempt < 2; attempt += 1) {
      work.fence()
      if ((await forge.move(branch, made, from, signal)) === 'moved') {
        branchAt = clock.monotonic()
        return null
      }
      from = await head(signal)
      if (from === null || isOurs(from, request, work.state)) continue
      await work.save({ commits: known, phase: older.phase === 'unknown' ? 'unknown' : 'making', content: null })
      return from
    }
    throw new AppError('target.conflict', `somebody else keeps moving the branch ${branch} of ${forge.name}`)
  }

  async function tell(wanted: Wanted, request: ChangeRequest | null, work: Work): Promise<Rolled> {
    const { content } = wanted
    let number: number | null = null
    if (requests !== null) {
      const { title, labels, reviewers, draft, autoMerge } = options
      const mark = { commit: work.state.commits[0]!, content, blob: sha256(wanted.blob) }
      const body = bodyOf(wanted.rows, mark)
      work.fence()
      if (request?.state === 'open') {
        number = request.number
        const same = request.title === title && sameText(request.body, body)
        if (!same) await requests.update(number, { title, body }, work.signal)
      } else {
        const told = (warning: string) => logger.warn({ branch, warning }, 'change request is not as it should be')
        const more = { labels, reviewers, draft, autoMerge, told }
        const opened = await requests.open({ from: branch, into: base, title, body, ...more }, work.signal)
        number = opened.number
        logger.info({ branch, request: opened.url }, 'change request opened')
      }
      requestAt = clock.monotonic()
    }
    await work.save({ phase: 'made', request: number, snoozed: null, foreign: null })
    return work.rolled(made)
  }

  /** Somebody else committed to our branch: it is theirs until they merge or remove it. Said once. */
  async function stop(at: string, request: ChangeRequest | null, work: Work): Promise<Rolled> {
    const open = request?.state === 'open' ? request.number : null
    if (work.state.foreign !== at) {
      logger.warn({ branch, commit: at, request: open }, 'branch has a commit of somebody else')
    }
    await work.save({ foreign: at, ...(open !== null && { request: open }) })
    if (requests !== null && open !== null && work.state.told !== open) {
      work.fence()
      // Noted first: rather not at all than twice.
      await work.save({ told: open })
      await requests.comment(open, stoppedText(branch, at, work.state.commits[0] ?? null), work.signal)
    }
    return work.rolled('foreign-commit')
  }

  async function clear(work: Work): Promise<Rolled> {
    const { state, signal } = work
    if (state.phase === 'none') return work.rolled('none')
    if (state.foreign !== null && !due(branchAt, branchEvery)) return work.rolled('foreign-commit')
    const at = await head(signal)
    const request = await find(signal)
    if (at !== null && !isOurs(at, request, state)) {
      if (request?.state !== 'open') return work.cleared()
      await work.save({ foreign: at })
      return work.rolled('foreign-commit')
    }
    if (requests !== null && request?.state === 'open') {
      work.fence()
      await requests.update(request.number, { title: request.title, body: obsoleteBody }, signal)
      await requests.close(request.number, signal)
    }
    if (at !== null) {
      work.fence()
      if ((await forge.remove(branch, at, signal)) === 'elsewhere') {
        throw new AppError('target.conflict', `the branch ${branch} of ${forge.name} was moved meanwhile`)
      }
    }
    return work.cleared()
  }

  const made: Standing = requests === null ? 'branch' : 'change-request'

  return {
    async roll(wanted, state, turn) {
      const work = createWork(state, turn)
      if (wanted === null) return clear(work)
      if (state.snoozed === wanted.content) return resting(wanted, work)
      if (says(wanted, state)) return quiet(wanted, work)
      if (state.foreign !== null && !due(branchAt, branchEvery)) return work.rolled('foreign-commit')
      return renew(wanted, work)
    },
    writes(wanted, state) {
      if (wanted === null) return state.phase !== 'none'
      return state.snoozed !== wanted.content && state.foreign === null && !says(wanted, state)
    },
  }
}

/** What was asked for already in this turn: where the branch stands, and its request. */
interface Found {
  readonly at?: string | null
  readonly request?: ChangeRequest | null
}

/** Made by us, as the ledger knows or the request says; or the branch of a request that is done with. */
function isOurs(commit: string, request: ChangeRequest | null, state: RollState): boolean {
  if (state.commits.includes(commit) || request?.state === 'merged') return true
  return request !== null && markIn(request.body)?.commit === commit
}

/** A person closed the request that says just this. What we close ourselves has no mark left. */
function isSnoozed(request: ChangeRequest, { content }: Wanted, state: RollState): boolean {
  if (request.state !== 'closed' || sameText(request.body, obsoleteBody)) return false
  const noted = state.request === request.number && state.phase === 'made' ? state.content : null
  return (markIn(request.body)?.content ?? noted) === content
}

function isMark(one: Mark, other: Mark): boolean {
  return one.commit === other.commit && one.content === other.content && one.blob === other.blob
}

function stoppedText(branch: string, at: string, ours: string | null): string {
  const back = ours === null ? '' : `, or set it back to ${ours},`
  return [
    `The branch \`${branch}\` now has a commit that was not made here (${at}), so it is left alone from now on.`,
    `Merge this request, or remove the branch${back} and it is kept up to date again.`,
  ].join(' ')
}

type Work = ReturnType<typeof createWork>

/** The state as one turn goes on, noted wherever it changes. */
function createWork(first: RollState, turn: Turn) {
  let state = first
  const save = async (change: Partial<RollState>) => {
    const next = { ...state, ...change }
    if (JSON.stringify(next) === JSON.stringify(state)) return
    await turn.owe(next)
    state = next
  }
  const rolled = (standing: Standing): Rolled => ({ state, standing })
  return {
    get state() {
      return state
    },
    signal: turn.signal,
    fence: () => turn.fence(),
    save,
    rolled,
    async cleared() {
      await save(clearedState)
      return rolled('none')
    },
  }
}
