/** How stages stand, put together from the book, the watch and the ledger. */
import type { Journal, Stored } from '../../../engine/journal.ts'
import { deliveries, entries, holds, type DeliveryRow, type EntryRow, type HoldRow } from '../../../engine/tables.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { Deployed } from '../deploy/deploys.ts'
import { results, type Release, type Result, type Stage, type StageKey } from '../model.ts'
import { stateOf, type StageState as State } from '../stage-state.ts'
import type { Book } from '../stages/book.ts'
import { approvalsOf as approvalsIn } from '../stages/state.ts'
import type { PlaceStatus } from '../watch/watch.ts'
import type { Asked } from './asked.ts'
import { nextOf, whyHeld } from './hold-words.ts'
import { configuredOf, timeOf, type StageItem } from './shown.ts'

/** What the ledger has of one stage. */
export interface Written {
  readonly entry: Stored<EntryRow> | null
  readonly delivery: Stored<DeliveryRow> | null
  readonly holds: readonly Stored<HoldRow>[]
}

const nothing: Written = { entry: null, delivery: null, holds: [] }

/** A key may have rows of a deployer that it had before: those are not asked for. */
export async function writtenOf(journal: Journal, stages: readonly Stage[]): Promise<ReadonlyMap<StageKey, Written>> {
  const syncOf = new Map(stages.map(({ key, deployer }) => [key, deployer]))
  if (stages.length === 0) return new Map()
  const where = { sync: { in: [...new Set(syncOf.values())] }, key: { in: [...syncOf.keys()] } } as const
  const own = <R extends { readonly sync: string; readonly key: string }>(rows: readonly R[]) =>
    Map.groupBy(
      rows.filter(({ sync, key }) => syncOf.get(key) === sync),
      ({ key }) => key,
    )
  const [seen, told, waiting] = await Promise.all([
    journal.select(entries, { where: { ...where, state: 'live' } }).then(own),
    journal.select(deliveries, { where, without: ['handle'] }).then(own),
    journal.select(holds, { where: { ...where, state: 'held' } }).then(own),
  ])
  return new Map(
    [...syncOf.keys()].map((key) => {
      // One of a repository that the stage followed before may be there still: the newer one counts.
      const entry = (seen.get(key) ?? []).toSorted((a, b) => b.seq - a.seq)[0] ?? null
      return [key, { entry, delivery: told.get(key)?.[0] ?? null, holds: waiting.get(key) ?? [] }]
    }),
  )
}

type From = Pick<Asked, 'clock' | 'book' | 'watch' | 'deploys' | 'registries' | 'journal' | 'progress'>

export async function itemsOf(parts: From, stages: readonly Stage[]): Promise<StageItem[]> {
  const written = await writtenOf(parts.journal, stages)
  const places = new Map(parts.watch.places().map((place) => [placeName(place), place]))
  return stages.map((stage) => {
    const place = places.get(placeName(stage)) ?? null
    return itemOf(parts, stage, written.get(stage.key) ?? nothing, place)
  })
}

function placeName({ registry, image }: { readonly registry: string; readonly image: string }): string {
  return JSON.stringify([registry, image])
}

export function itemOf(parts: From, stage: Stage, written: Written, place: PlaceStatus | null): StageItem {
  const { key } = stage
  const known = parts.book.state(key)
  const release = releaseOf(written)
  const deployed = parts.deploys.of(key)
  const state = stateOf(written.delivery?.state ?? null)
  const progress = parts.progress(key)
  const { attempts = 0, due = null, reason = null } = written.delivery ?? {}
  return {
    ...configuredOf(stage, parts.registries.get(stage.registry)?.reference(stage.image) ?? null),
    state,
    reason,
    ...saidOf(stage, state, written, known),
    result: known.result,
    detail: known.detail,
    result_at: timeOf(known.resultAt),
    last_polled_tag: known.lastPolledTag,
    last_polled_at: timeOf(known.lastPolledAt),
    next_poll_at: timeOf(stage.polling ? place?.nextAt : null),
    looking: place?.looking ?? false,
    slowed_down: place?.slowedDown ?? false,
    baseline: known.baseline && { ...known.baseline, at: timeOf(known.baseline.at) },
    seen: release && { ...namedOf(release), revision: release.revision, at: timeOf(release.at) },
    candidate: candidateOf(release, deployed),
    deployed: deployed === null || deployed.revision === null ? null : runningOf(deployed),
    previous: deployed?.receipt?.previous ?? null,
    pin: known.pin && { ...known.pin, at: isoTime(known.pin.at) },
    paused: known.paused && { ...known.paused, at: isoTime(known.paused.at) },
    approvals: approvalsOf(stage, known, release, parts.clock.now()),
    holds: written.holds.map(({ id, reason: why, until }) => {
      return { id, reason: why, why: whyHeld(why), until: timeOf(until), next: nextOf(why, key, id) }
    }),
    progress: progress && {
      step: progress.step,
      since: isoTime(progress.since),
      step_at: isoTime(progress.stepAt),
    },
    attempts: state === 'deployed' ? 0 : attempts,
    retry_at: state === 'failed' ? timeOf(due) : null,
  }
}

/** Whatever is in the ledger was written by the watch as a release. */
export function releaseOf({ entry }: Pick<Written, 'entry'>): Release | null {
  return entry === null ? null : { ...(entry.item as unknown as Release), revision: entry.digest }
}

function namedOf({ tag, digest }: Release) {
  return { tag, digest }
}

export function candidateOf(release: Release | null, deployed: Deployed | null): StageItem['candidate'] {
  if (release === null || release.revision === deployed?.revision) return null
  return { ...namedOf(release), revision: release.revision }
}

function runningOf({ tag, revision, receipt }: Deployed): NonNullable<StageItem['deployed']> {
  // What was found there is nothing that the last receipt tells of.
  const ours = receipt?.revision === revision ? receipt : null
  return {
    tag,
    revision,
    digest: ours?.digest ?? null,
    at: timeOf(ours?.at),
    took: ours === null ? null : formatDuration(ours.took),
    ref: ours?.ref ?? null,
    detail: ours?.detail ?? null,
  }
}

function approvalsOf(
  stage: Stage,
  known: ReturnType<Book['state']>,
  release: Release | null,
  now: Instant,
): StageItem['approvals'] {
  const { approval, autoDeploy } = stage
  if (release === null || (approval === null && autoDeploy)) return null
  const by = approvalsIn(stage, known, release.revision, now).map(({ name, at }) => ({ name, at: isoTime(at) }))
  return { needed: approval?.count ?? 1, by, revision: release.revision }
}

/** Results of looks that say nothing about what is the newest: last known good stays. */
export const troubled: readonly Result[] = results.filter(
  (result) => !['first', 'unchanged', 'new', 'moved'].includes(result),
)

/** Why it is so, in one sentence, and what a person can do. What stands in the way of a deploy comes first. */
function saidOf(
  { key }: Stage,
  state: State,
  { delivery, holds: [hold] }: Written,
  { pin, result, detail }: ReturnType<Book['state']>,
): Pick<StageItem, 'why' | 'next'> {
  if (state === 'held' && hold !== undefined) {
    return { why: whyHeld(hold.reason), next: nextOf(hold.reason, key, hold.id) }
  }
  if (state === 'rejected') {
    const why = delivery?.detail ?? delivery?.reason ?? 'it was refused'
    const follow = pin === null ? 'a newer version goes by itself' : `regista images unpin ${key} lets it follow again`
    return { why, next: `${follow}; regista images redeploy ${key} tries this one again` }
  }
  if (state === 'failed' || state === 'unsure') {
    return { why: delivery?.detail ?? delivery?.reason ?? null, next: null }
  }
  if (result === null) return { why: 'its image was not looked at yet', next: `regista images check ${key}` }
  if (troubled.includes(result))
    return { why: detail ?? resultWords[result] ?? result, next: nextOfResult(key, result) }
  return { why: null, next: null }
}

const resultWords: { readonly [result in Result]?: string } = {
  regressed: 'the newest version that is left is older than what runs there',
  no_match: 'no tag matches',
  ambiguous: 'which of the tags is the newest cannot be told',
  not_found: 'there is no such image, or the tag is gone',
  unauthorised: 'the registry refuses our credentials',
  rate_limited: 'the registry lets us ask no more for now',
  unreachable: 'the registry does not answer',
  invalid_response: 'the registry answers what nobody can read',
}

function nextOfResult(key: StageKey, result: Result): string {
  switch (result) {
    case 'no_match':
    case 'ambiguous':
      return `regista images test-pattern ${key} shows what matches and why`
    case 'regressed':
      return `regista images deploy ${key} deploys it nevertheless`
    default:
      return `regista images check ${key} looks again`
  }
}
