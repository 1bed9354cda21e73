/** What a pass came to, for people and for exit codes. */
import type { Ms } from '../kernel/clock.ts'
import type { Context } from './context.ts'
import type { PassReport, TargetReport } from './engine.ts'
import type { Counts } from './deliver.ts'
import type { Visit } from './fleet.ts'
import type { LookoutReport } from './lookout.ts'
import { deliveries, type DeliveryState } from './tables.ts'

/** Everything but `applied`: found through an index, however much is applied. */
const unsettled: readonly DeliveryState[] = ['pending', 'held', 'sending', 'waiting', 'rejected', 'failed', 'unsure']

export async function summarize(
  context: Context,
  took: Ms,
  looked: LookoutReport,
  { visits, unread, before, after }: Delivered,
): Promise<PassReport> {
  const where = { sync: context.spec.name, state: { in: unsettled } }
  const tallies = await context.journal.count(deliveries, where, ['target', 'state'])
  const standing = new Map(tallies.map(({ by, count }) => [`${by[0]} ${by[1]}`, count]))
  const targets = visits.map((visit) =>
    targetReport(
      visit,
      since(before.get(visit.target), after.get(visit.target)),
      (state) => standing.get(`${visit.target} ${state}`) ?? 0,
    ),
  )
  const { complete, unchanged, unavailable, appeared, changed, gone, troubles } = looked
  const clean = targets.every((target) => target.state === 'ok' && target.failed + target.rejected + target.held === 0)
  return {
    sync: context.spec.name,
    took,
    scopes: { complete, unchanged, unavailable },
    entries: { appeared, changed, gone, troubles },
    targets,
    unread,
    ok: clean && unread === null && unavailable === 0 && troubles === 0,
  }
}

interface Delivered {
  readonly visits: readonly Visit[]
  /** Why the set of targets could not be read. */
  readonly unread: string | null
  /** What each target's rounds had done before this pass, and after it. */
  readonly before: ReadonlyMap<string, Counts>
  readonly after: ReadonlyMap<string, Counts>
}

type Done = Omit<Counts, 'pages'>

const none: Done = { applied: 0, adopted: 0, drifted: 0 }

function since(before: Done = none, after: Done = none): Done {
  const { applied, adopted, drifted } = before
  return { applied: after.applied - applied, adopted: after.adopted - adopted, drifted: after.drifted - drifted }
}

function targetReport(visit: Visit, done: Done, standing: (state: DeliveryState) => number): TargetReport {
  return {
    target: visit.target,
    state: visit.state,
    why: visit.state === 'skipped' ? visit.why : visit.state === 'unavailable' ? 'target-unavailable' : null,
    detail: visit.detail,
    applied: done.applied,
    adopted: done.adopted,
    drifted: done.drifted,
    waiting: standing('waiting'),
    rejected: standing('rejected'),
    failed: standing('failed') + standing('unsure') + standing('sending'),
    held: standing('held'),
  }
}

export function logLine(report: PassReport, why: string): object {
  const total = (name: 'applied' | 'adopted' | 'drifted' | 'waiting' | 'rejected' | 'failed' | 'held') =>
    report.targets.reduce((sum, target) => sum + target[name], 0)
  return {
    sync: report.sync,
    why,
    ms: Math.round(report.took),
    ...report.scopes,
    ...report.entries,
    applied: total('applied'),
    adopted: total('adopted'),
    drifted: total('drifted'),
    failed: total('failed'),
    held: total('held'),
    ok: report.ok,
  }
}
