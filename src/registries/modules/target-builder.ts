/**
 * Documentation at one docs-builder. It is uploaded module by module, built once, and then asked for, because
 * a build drops without a word what it cannot build.
 */
import type { Readable } from 'node:stream'
import type { Documents, DocsBuilder } from '../../connectors/docs-builder/client.ts'
import { statusOf } from '../../connectors/docs-builder/errors.ts'
import type { Limits } from '../../engine/engine.ts'
import type { Key, Look } from '../../engine/source.ts'
import type { Batch, Held, Outcome, Target, TargetAsk } from '../../engine/target.ts'
import { digestOf } from '../../kernel/digest.ts'
import { AppError } from '../../kernel/errors.ts'
import type { ModuleDocument } from './model.ts'
import { deliverJobs } from './target-delivery.ts'
import { judgeUploads, sortChanges, type Sorted } from './target-jobs.ts'

export interface BuilderTargetOptions {
  readonly name: string
  readonly builder: DocsBuilder
  /** Another one: a builder of which nothing is known. */
  readonly identity: string
  /** The archive from its beginning, anew each time. */
  readonly open: (archive: string) => Promise<Readable>
  /** Count as ours what the ledger knows nothing of, so that it is removed, within the removal budget. */
  readonly pruneUnknown?: boolean
  /**
   * It came while we were running, and gets the full state: equal versions of a builder that others filled may stand
   * for other documentation. What was there before us is compared instead.
   */
  readonly newcomer?: boolean
  /** Modules uploaded at the same time. */
  readonly atOnce?: number
  /** Different in each process. */
  readonly newId: () => string
}

export interface BuilderTarget extends Target<ModuleDocument> {
  /** What it held when it was looked at last; null: it was not, or it cannot tell. */
  seen(): Documents | null
}

/** For syncs with builders: the client's own bounds come first, twice that of an upload and once that of a build. */
export const builderLimits: Pick<Limits, 'identity' | 'look' | 'apply'> = {
  identity: 5_000,
  look: 40_000,
  apply: 31 * 60_000,
}

/** Disk and network of one builder, which is meant to serve pages beside. */
const standardAtOnce = 4

export function createBuilderTarget(options: BuilderTargetOptions): BuilderTarget {
  const { name, builder, identity, open, pruneUnknown = false, atOnce = standardAtOnce, newId } = options
  const process = newId()
  let seen: Documents | null = null
  /** It has no list to look at. */
  let blind = false
  /** It once had a list, as this process knows. */
  let listed = false
  let writes = 0
  /** What it holds is not asked for until it was built once with what we sent. */
  let strange = options.newcomer ?? false
  /** The owed build has something to show. An owed one that this process did not cause may have. */
  let worth = true
  const ear = createEar()

  /** `none-yet`: it was never sent anything. `lost`: it has a new disk. */
  async function documents(before: boolean, signal: AbortSignal): Promise<Documents | null | 'none-yet' | 'lost'> {
    const told = await listOf(builder, signal)
    if (told !== 'failure') return known(told)
    // It says so as long as nothing was ever uploaded; where something was, it is well and has nothing.
    if (!before && !listed) return 'none-yet'
    const again = (await builder.healthy(signal)) ? await listOf(builder, signal) : null
    if (again === null) throw new AppError('target.unavailable', `${builder.host} does not tell what it holds`)
    return again === 'failure' ? 'lost' : known(again)
  }

  function known(told: Documents | null): Documents | null {
    blind = told === null
    listed = told !== null
    return told
  }

  async function look(ask: TargetAsk, signal: AbortSignal): Promise<Look<Held>> {
    const before = writes
    const told = await documents(ask.mark !== undefined, signal)
    seen = told === 'none-yet' ? null : told === 'lost' ? new Map() : told
    // It cannot tell: what the ledger says is believed, and where that knows nothing all is sent.
    if (seen === null || strange) return { saw: 'unchanged' }
    const items = [...heldOf(seen, pruneUnknown)]
    // What is written in between makes another mark, also where what it holds looks the same afterwards.
    const mark = digestOf([process, before, items.map(({ key, label = '' }) => [key, label])])
    return mark === ask.mark ? { saw: 'unchanged' } : { saw: 'complete', items, mark }
  }

  /** One list for all that waits. */
  async function judge(batch: Batch<ModuleDocument>, signal: AbortSignal): Promise<Sorted> {
    const uploaded = batch.changes.filter(({ handle, op }) => handle !== undefined && op === 'put')
    if (uploaded.length === 0) return { told: [], modules: [], dropped: false }
    if (batch.owed !== null && worth) return judgeUploads(uploaded, 'not-built')
    const told = await documents(true, signal)
    return judgeUploads(uploaded, told === 'none-yet' ? 'lost' : told)
  }

  async function* apply(batch: Batch<ModuleDocument>, signal: AbortSignal): AsyncGenerator<readonly [Key, Outcome]> {
    if (signal.aborted) throw new AppError('aborted', `changes of ${name}`)
    const judged = await judge(batch, signal)
    yield* judged.told
    if (judged.dropped) ear.tell()
    const fresh = sortChanges(batch.changes.filter(({ handle, op }) => handle === undefined || op === 'delete'))
    yield* fresh.told
    const modules = [...judged.modules, ...fresh.modules]
    let { owed } = batch
    if (modules.length > 0) {
      batch.fence()
      if (owed === null) {
        owed = { build: true }
        worth = false
        await batch.owe(owed)
      }
      writes += 1
      const done = () => {
        worth = true
        listed ||= !blind
      }
      yield* deliverJobs(modules, { builder, open, atOnce, blind, fence: () => batch.fence(), done, signal })
    }
    // A build after nothing but failures would show what those left: holes.
    if (!batch.last || owed === null || !worth) return
    batch.fence()
    await builder.build(signal)
    worth = false
    strange = false
    await batch.owe(null)
  }

  return {
    name,
    fingerprint: JSON.stringify({ version: 1, pruneUnknown }),
    // An upload first removes what is there, and says what it is only at its end; and the whole site is built after it.
    traits: { repeat: 'safe', torn: true, lookFirst: true, page: 64 },
    async identity(signal) {
      if (await builder.healthy(signal)) return identity
      throw new AppError('target.unavailable', `${builder.host} does not answer well on /healthz`)
    },
    look,
    apply,
    hints: ear.listen,
    seen: () => seen,
    close: () => builder.close(),
  }
}

async function listOf(builder: DocsBuilder, signal: AbortSignal): Promise<Documents | null | 'failure'> {
  try {
    return await builder.documents(signal)
  } catch (thrown) {
    if (thrown instanceof AppError && statusOf(thrown) === 500) return 'failure'
    throw thrown
  }
}

/** Whose it is, nothing there tells: others write to the same builder. */
function* heldOf(documents: Documents, owned: boolean): Generator<Held> {
  for (const [module, versions] of documents) {
    for (const [channel, label] of versions) {
      // No such name was ever sent, and the key of another could be made of it.
      if (module.includes('/') || channel.includes('/')) continue
      yield { key: `${module}/${channel}`, digest: null, label, ...(owned && { owned }) }
    }
  }
}

/** A build that dropped one version of a module may have taken others with it that were there for long. */
function createEar() {
  let news = Promise.withResolvers<void>()
  return {
    tell: () => news.resolve(),
    async *listen(signal: AbortSignal): AsyncGenerator<void> {
      const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      while (!signal.aborted) {
        await Promise.race([news.promise, ended])
        if (signal.aborted) return
        news = Promise.withResolvers()
        yield
      }
    },
  }
}
