/** From the row of a stage to what is known of it. */
import type { Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Stage, StageKey, Version } from '../model.ts'
import type { StageRow } from '../tables.ts'
import type { Observed, StageState } from './book.ts'
import { configOf } from './definition.ts'

/** Of a stage that nothing is known of yet. */
export function blankRow(key: StageKey): StageRow {
  const [project = '', stage = ''] = key.split('/')
  return {
    project,
    stage,
    definition: null,
    createdBy: null,
    pin: null,
    paused: null,
    approvals: null,
    asked: null,
    generation: 0,
    baseline: null,
    config: null,
    result: null,
    detail: null,
    resultAt: null,
    lastPolledTag: null,
    lastPolledAt: null,
  }
}

/** When it was last polled, as memory has it. */
export interface Polled {
  readonly at: Instant
  readonly tag: string | null
}

/** The columns of JSON were written by us in these shapes. */
export function stateOf(row: StageRow, polled: Polled | null): StageState {
  return {
    pin: row.pin as unknown as StageState['pin'],
    paused: row.paused as unknown as StageState['paused'],
    approvals: row.approvals as unknown as StageState['approvals'],
    asked: row.asked as unknown as StageState['asked'],
    generation: row.generation,
    baseline: row.baseline as unknown as Version | null,
    config: row.config,
    result: row.result,
    detail: row.detail,
    resultAt: row.resultAt,
    lastPolledTag: polled ? polled.tag : row.lastPolledTag,
    lastPolledAt: polled ? polled.at : row.lastPolledAt,
  }
}

/** Looks that saw all there is, so that what comes after them is new. */
const told = new Set(['first', 'unchanged', 'new', 'moved', 'regressed', 'no_match'])
/** `unchanged` says nothing new after these. */
const fine = new Set(['first', 'unchanged', 'new', 'moved'])

/** The row after a look; null: it is as it was. */
export function rowAfter(row: StageRow, stage: Stage, seen: Observed, now: Instant): StageRow | null {
  const config = configOf(stage)
  const begins = row.config !== config && told.has(seen.result)
  const { version } = seen
  const isSame =
    seen.result === 'unchanged'
      ? row.result !== null && fine.has(row.result)
      : row.result === seen.result &&
        row.detail === seen.detail &&
        !(seen.result === 'new' || seen.result === 'moved' || seen.result === 'first')
  if (isSame && !begins) return null
  // What a person once wanted must not let an old version pass again later.
  const overtaken = (seen.result === 'new' || seen.result === 'moved') && row.pin === null
  return {
    ...row,
    ...(begins && { config, baseline: version && { tag: version.tag, digest: version.digest, at: version.at } }),
    ...(overtaken && { asked: null }),
    ...(!isSame && { result: seen.result, detail: seen.detail, resultAt: now }),
  }
}

/** Approvals of exactly this revision that still count. */
export function approvalsOf(
  { approval }: Pick<Stage, 'approval'>,
  { approvals }: Pick<StageState, 'approvals'>,
  revision: Digest,
  now: Instant,
): readonly { readonly name: string; readonly at: Instant }[] {
  if (approvals === null || approvals.revision !== revision) return []
  const within = approval?.within ?? null
  return within === null ? approvals.by : approvals.by.filter(({ at }) => now - at <= within)
}
