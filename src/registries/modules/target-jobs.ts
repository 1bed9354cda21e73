/** What a batch of changes asks of a docs-builder: as few requests as say it. Pure. */
import type { Documents } from '../../connectors/docs-builder/client.ts'
import { isBuilderName, isBuilderVersion } from '../../connectors/docs-builder/names.ts'
import type { Key } from '../../engine/source.ts'
import type { Change, Outcome } from '../../engine/target.ts'
import { AppError } from '../../kernel/errors.ts'
import type { ModuleDocument } from './model.ts'

export type Told = readonly [Key, Outcome]

/** One request. */
export type Job =
  | { readonly is: 'upload'; readonly document: ModuleDocument; readonly places: readonly Place[]; readonly step: Step }
  | { readonly is: 'remove'; readonly module: string; readonly places: readonly Place[] }

/** A channel of the job's module, and the key that its outcome is told of. */
export interface Place {
  readonly key: Key
  readonly channel: string
}

/**
 * How far an upload has come:
 *   build  it was uploaded, maybe with other versions of its module; the next build shows whether it stays
 *   turn   a build dropped it, and it is to be uploaded without them
 *   alone  it was
 */
export type Step = 'build' | 'turn' | 'alone'

export interface Sorted {
  readonly told: readonly Told[]
  /** Those of one module in the order in which they are to be done. */
  readonly modules: readonly (readonly Job[])[]
  /** A build dropped something. */
  readonly dropped: boolean
}

/** Reasons of this target, in docs/reasons.md. */
export const builderReasons = { build: 'build', dropped: 'dropped-by-build', name: 'name-refused' } as const

/** Not built yet, for a build went wrong: asked again then. */
const stillBuilding = 5_000

type Changes = readonly Change<ModuleDocument>[]

/** What is new. */
export function sortChanges(changes: Changes): Sorted {
  const told: Told[] = []
  const puts: Change<ModuleDocument>[] = []
  const deletes: Change<ModuleDocument>[] = []
  for (const change of changes) {
    const { key, op, entry } = change
    const wrong = op === 'put' ? refusedName(entry!.item) : null
    if (wrong !== null) told.push([key, wrong])
    // It never was there, for it was never sent.
    else if (op === 'delete' && namesOf(key) === null) told.push([key, { is: 'applied' }])
    else if (op === 'put') puts.push(change)
    else deletes.push(change)
  }
  return { told, modules: byModule([...uploadsOf(puts, 'build'), ...removalsOf(deletes)]), dropped: false }
}

/**
 * What was uploaded before: it is there, or a build dropped it. A build drops whole modules, the sound versions
 * with the broken one, and others may remove what is there; so each version is then uploaded once more, alone, and what is
 * dropped even so is broken. `documents` null: the builder cannot tell, so that what it took counts as done;
 * `lost`: it has nothing at all any more.
 */
export function judgeUploads(changes: Changes, documents: Documents | null | 'not-built' | 'lost'): Sorted {
  const told: Told[] = []
  const again: Change<ModuleDocument>[] = []
  let dropped = false
  for (const change of changes) {
    const { key, entry } = change
    const { module, channel, version } = entry!.item
    const step = stepOf(change)
    if (documents === 'not-built') told.push([key, waiting(step, stillBuilding)])
    else if (documents === 'lost') told.push([key, { is: 'failed', error: lost(module), effect: 'unknown' }])
    else if (documents === null || documents.get(module)?.get(channel) === version) told.push([key, { is: 'applied' }])
    else {
      dropped = true
      if (step === 'alone') told.push([key, isBroken(entry!.item)])
      else again.push(change)
    }
  }
  const turns = [...Map.groupBy(uploadsOf(again, 'alone'), moduleOf).values()]
  const later = turns.flatMap((jobs) => jobs.slice(1).flatMap(({ places }) => places))
  for (const { key } of later) told.push([key, waiting('turn')])
  return { told, modules: turns.map((jobs) => jobs.slice(0, 1)), dropped }
}

export function waiting(step: Step, again = 0): Outcome {
  return { is: 'waiting', on: builderReasons.build, handle: { step }, again }
}

function stepOf({ handle }: Change<ModuleDocument>): Step {
  const step = (handle as { step?: unknown } | null | undefined)?.step
  return step === 'turn' || step === 'alone' ? step : 'build'
}

/** One for all channels that have the same version and archive. */
function uploadsOf(changes: Changes, step: Step): Job[] {
  const groups = Map.groupBy(changes, ({ entry }) => {
    const { module, version, archive } = entry!.item
    return JSON.stringify([module, version, archive])
  })
  return [...groups.values()].map((group): Job => {
    const places = group.map(({ key, entry }) => ({ key, channel: entry!.item.channel }))
    return { is: 'upload', document: group[0]!.entry!.item, places, step }
  })
}

/** One for all channels of a module. */
function removalsOf(changes: Changes): Job[] {
  const groups = Map.groupBy(changes, ({ key }) => namesOf(key)!.module)
  return [...groups].map(([module, group]): Job => {
    const places = group.map(({ key }) => ({ key, channel: namesOf(key)!.channel }))
    return { is: 'remove', module, places }
  })
}

function byModule(jobs: readonly Job[]): Job[][] {
  return [...Map.groupBy(jobs, moduleOf).values()]
}

function moduleOf(job: Job): string {
  return job.is === 'upload' ? job.document.module : job.module
}

/** null: no key that was ever sent. */
export function namesOf(key: Key): { readonly module: string; readonly channel: string } | null {
  const [module = '', channel = '', ...more] = key.split('/')
  return more.length === 0 && isBuilderName(module) && isBuilderName(channel) ? { module, channel } : null
}

/** The outcome of a document with a name that builders do not take; null: they do. */
export function refusedName({ module, channel, version }: ModuleDocument): Outcome | null {
  const wrong = !isBuilderName(module)
    ? `"${module}" is no module name`
    : !isBuilderName(channel)
      ? `"${channel}" is no channel name`
      : !isBuilderVersion(version)
        ? `"${version}" is no version`
        : null
  if (wrong === null) return null
  return {
    is: 'rejected',
    why: builderReasons.name,
    detail: `${wrong} that builders take; nothing was sent`,
    until: 'item',
  }
}

function lost(module: string): AppError {
  return new AppError(
    'target.unavailable',
    `the builder lost ${module}, and all that it was ever sent, before it was built`,
  )
}

function isBroken({ module, version }: ModuleDocument): Outcome {
  const detail = `the builder took ${module} ${version} and dropped it while building: its log names the page that is wrong`
  return { is: 'rejected', why: builderReasons.dropped, detail, until: 'item' }
}
