/** A forge in memory, for tests of what uses one: the people and the faults around it are switches. */
import type { Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { refused, unavailable } from '../failure.ts'
import type { ChangeRequest, ChangeRequests, FileRead, Forge } from '../forge.ts'
import {
  createMemoryRepository,
  type Files,
  type MemoryRepository,
  type MemoryRequest,
  type Tree,
} from './memory-repository.ts'

export type ForgeStep =
  | 'head'
  | 'read'
  | 'commit'
  | 'move'
  | 'remove'
  | 'branches'
  | 'follows'
  | 'find'
  | 'open'
  | 'update'
  | 'close'
  | 'comment'

export type ForgeFault =
  /** It is done, and nobody hears of it. */
  | { readonly is: 'lost' }
  /** Not done. 403 with `retryAfter`, 409, 429 and 5xx may go better later; other statuses will not. */
  | { readonly is: 'status'; readonly status: number; readonly retryAfter?: Ms }
  /** Not done; the call ends when its signal aborts. */
  | { readonly is: 'hangs' }

export interface ForgeCall {
  readonly step: ForgeStep
  /** Branch, commit or number that it is about. */
  readonly about: string
}

export interface MemoryForge extends Forge {
  readonly requests: ChangeRequests | null
  /** What is there, and what people do to it. */
  readonly repository: MemoryRepository
  /** Every call, in order. */
  readonly calls: readonly ForgeCall[]
  /** The next `times` calls of this step go wrong so. */
  fail(step: ForgeStep, fault: ForgeFault, times?: number): void
  /** From now on nothing goes wrong. */
  mend(): void
  /** What of the faults above nobody has met yet. */
  readonly pending: number
  /** Done right before the next call of this step: somebody is faster. */
  before(step: ForgeStep, act: () => void): void
  /** Nobody but people may move it. */
  protect(branch: string): void
}

export interface MemoryForgeOptions {
  readonly files?: Files
  /** Default: main. */
  readonly base?: string
  readonly name?: string
  /** false: a place that has only branches. */
  readonly requests?: boolean
}

export const bot = { name: 'Regista', email: 'regista@example.org' }

export function createMemoryForge(options: MemoryForgeOptions = {}): MemoryForge {
  const { name = 'memory/claims', requests = true } = options
  const repository = createMemoryRepository(options.files, options.base)
  const calls: ForgeCall[] = []
  const faults = new Map<ForgeStep, ForgeFault[]>()
  const acts = new Map<ForgeStep, (() => void)[]>()
  const guarded = new Set<string>()
  const data = { host: name.split('/', 1)[0]! }

  async function call<T>(step: ForgeStep, about: string, signal: AbortSignal, effect: () => T): Promise<T> {
    calls.push({ step, about })
    acts.get(step)?.shift()?.()
    const fault = faults.get(step)?.shift()
    if (signal.aborted || fault?.is === 'hangs') {
      await aborted(signal)
      throw new AppError('aborted', `${step} at ${name}`, { cause: signal.reason })
    }
    // Nothing is there before whoever called had to wait.
    await Promise.resolve()
    if (fault?.is === 'status') throw errorOf(step, fault)
    const result = effect()
    if (fault?.is === 'lost') throw unavailable(`${name} did not answer: ${step}`, { ...data, why: 'network' })
    return result
  }

  function errorOf(step: ForgeStep, { status, retryAfter }: ForgeFault & { is: 'status' }): AppError {
    const limited = status === 429 || (status === 403 && retryAfter !== undefined)
    const detail = `${name} answered ${status}: ${step}`
    const more = { ...data, status, ...(retryAfter !== undefined && { retryAfter }) }
    if (limited) return unavailable(detail, { ...more, why: 'rate-limited' })
    if (status === 409) return unavailable(detail, { ...more, why: 'conflict' })
    if (status >= 500) return unavailable(detail, { ...more, why: 'server-error' })
    return refused(detail, { ...more, why: refusals[status] ?? 'invalid' })
  }

  const mayMove = (branch: string) => {
    if (guarded.has(branch)) {
      throw refused(`${branch} of ${name} is protected`, { ...data, why: 'forbidden', status: 403 })
    }
  }

  return {
    name,
    repository,
    calls,
    fail(step, fault, times = 1) {
      faults.set(step, [...(faults.get(step) ?? []), ...Array.from({ length: times }, () => fault)])
    },
    mend: () => faults.clear(),
    get pending() {
      return [...faults.values()].reduce((sum, list) => sum + list.length, 0)
    },
    before(step, act) {
      acts.set(step, [...(acts.get(step) ?? []), act])
    },
    protect: (branch) => void guarded.add(branch),
    head: (branch, signal) => call('head', branch, signal, () => repository.branches.get(branch) ?? null),
    read: (commit, path, signal) =>
      call('read', `${commit}:${path}`, signal, () => {
        const found = repository.commits.get(commit)
        if (found === undefined) throw refused(`${name} has no commit ${commit}`, { ...data, why: 'not-found' })
        return readFrom(found.tree, path)
      }),
    commit: (draft, signal) =>
      call('commit', draft.parent, signal, () => {
        const { parent, files, message, author = bot } = draft
        const base = repository.commits.get(parent)
        if (base === undefined) throw refused(`${name} has no commit ${parent}`, { ...data, why: 'not-found' })
        return repository.commit({ parents: [parent], tree: repository.treeOf(base.tree, files), message, author }).id
      }),
    move: (branch, to, from, signal) =>
      call('move', branch, signal, () => {
        const is = repository.branches.get(branch) ?? null
        if (is === to) return 'moved'
        if (is !== from) return 'elsewhere'
        mayMove(branch)
        if (!repository.commits.has(to)) throw refused(`${name} has no commit ${to}`, { ...data, why: 'not-found' })
        repository.set(branch, to)
        return 'moved'
      }),
    remove: (branch, at, signal) =>
      call('remove', branch, signal, () => {
        const is = repository.branches.get(branch)
        if (is === undefined) return 'removed'
        if (is !== at) return 'elsewhere'
        mayMove(branch)
        repository.set(branch, null)
        return 'removed'
      }),
    branches: (prefix, signal) =>
      call(
        'branches',
        prefix,
        signal,
        () => new Map([...repository.branches].filter(([branch]) => branch.startsWith(prefix))),
      ),
    follows: (commit, earlier, signal) => call('follows', commit, signal, () => repository.isAncestor(earlier, commit)),
    requests: requests ? createRequests(repository, name, data, call) : null,
    close: () => Promise.resolve(),
  }
}

const refusals: Readonly<Record<number, 'unauthorized' | 'forbidden' | 'not-found'>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
}

type Call = <T>(step: ForgeStep, about: string, signal: AbortSignal, effect: () => T) => Promise<T>

function createRequests(
  repository: MemoryRepository,
  name: string,
  data: { readonly host: string },
  call: Call,
): ChangeRequests {
  const told = ({ number, state, title, body }: MemoryRequest): ChangeRequest => ({
    number,
    state,
    title,
    body,
    url: `https://${name}/pull/${number}`,
  })
  const at = (number: number): MemoryRequest => {
    const found = repository.requests[number - 1]
    if (found === undefined) throw refused(`${name} has no request ${number}`, { ...data, why: 'not-found' })
    return found
  }
  const newest = (from: string, into: string): MemoryRequest | null => {
    const all = repository.requests.filter((one) => one.from === from && one.into === into).toReversed()
    return all.find(({ state }) => state === 'open') ?? all[0] ?? null
  }

  return {
    find: (from, into, signal) =>
      call('find', from, signal, () => {
        const found = newest(from, into)
        return found && told(found)
      }),
    open: (draft, signal) =>
      call('open', draft.from, signal, () => {
        const { from, into, labels = [], reviewers = [], autoMerge = false } = draft
        const known = newest(from, into)
        if (known?.state === 'open') return told(known)
        const [head, base] = [repository.branches.get(from), repository.branches.get(into)]
        if (head === undefined || base === undefined || repository.isAncestor(head, base)) {
          throw refused(`${name}: no commits between ${into} and ${from}`, { ...data, why: 'invalid', status: 422 })
        }
        const request = repository.open({ ...draft, draft: draft.draft ?? false })
        request.labels.push(...labels)
        request.reviewers.push(...reviewers)
        request.autoMerge = autoMerge
        return told(request)
      }),
    update: (number, { title, body }, signal) =>
      call('update', String(number), signal, () => void Object.assign(at(number), { title, body })),
    close: (number, signal) =>
      call('close', String(number), signal, () => {
        const request = at(number)
        if (request.state === 'open') request.state = 'closed'
      }),
    comment: (number, text, signal) =>
      call('comment', String(number), signal, () => void at(number).comments.push(text)),
  }
}

export function readFrom(tree: Tree, path: string): FileRead {
  const node = tree.get(path)
  if (node !== undefined) return node.is === 'file' ? node : { is: node.is }
  return [...tree.keys()].some((one) => one.startsWith(`${path}/`)) ? { is: 'folder' } : { is: 'missing' }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
