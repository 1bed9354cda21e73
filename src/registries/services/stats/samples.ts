/** Counts by type and status over time: a sample each minute, and the mean of its minutes for each hour. */
import { quietly, quietlyDrop, type Fence, type Journal, type Quiet } from '../../../engine/journal.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { serviceStatuses, serviceTypes, type ServiceStatus, type ServiceType } from '../model.ts'
import type { Roster } from '../roster/roster.ts'
import { samples, type SampleRow } from '../tables.ts'

export type Counts = Readonly<Record<ServiceType, Readonly<Record<ServiceStatus, number>>>>
export type Span = SampleRow['span']

export const spanLength: Readonly<Record<Span, Ms>> = { minute: 60_000, hour: 3_600_000 }

export interface Keeping {
  readonly minutes: Ms
  readonly hours: Ms
}

/** The map of types and statuses to what `count` says of each. */
export function countsBy(count: (type: ServiceType, status: ServiceStatus) => number): Counts {
  const of = (type: ServiceType) =>
    Object.fromEntries(serviceStatuses.map((status) => [status, count(type, status)])) as Counts[ServiceType]
  return Object.fromEntries(serviceTypes.map((type) => [type, of(type)])) as Counts
}

function beginOf(span: Span, at: Instant): Instant {
  return at - (at % spanLength[span])
}

/** Writes the sample of this minute, the hours that ended since the last one, and drops what is older than is kept. */
export async function takeSample(
  { journal, roster, keep }: { journal: Journal; roster: Pick<Roster, 'count'>; keep: Keeping },
  now: Instant,
  fence: Fence,
): Promise<{ hours: number; dropped: number }> {
  const counts = countsBy((type, status) => roster.count(type, status))
  const quiet: Quiet[] = [quietly(samples, { span: 'minute', at: beginOf('minute', now), counts })]
  const hours = await hoursEnded(journal, beginOf('hour', now))
  for (const row of hours) quiet.push(quietly(samples, row))
  const dropped = hours.length === 0 ? [] : await tooOld(journal, keep, now)
  for (const { span, at } of dropped) quiet.push(quietlyDrop(samples, { span, at }))
  await journal.commit([], { quiet, fence })
  return { hours: hours.length, dropped: dropped.length }
}

/** Hours that have minutes, and no row yet. An hour without minutes gets none: a gap is a gap. */
async function hoursEnded(journal: Journal, until: Instant): Promise<SampleRow[]> {
  const [newest] = await journal.select(samples, {
    where: { span: 'hour', at: { above: until - spanLength.hour - 1 } },
    limit: 1,
  })
  if (newest !== undefined) return []
  const hours = await journal.select(samples, { where: { span: 'hour' } })
  const from = hours.at(-1)?.at ?? -spanLength.hour
  const minutes = await journal.select(samples, {
    where: { span: 'minute', at: { above: from + spanLength.hour - 1 } },
  })
  const byHour = Map.groupBy(
    minutes.filter(({ at }) => at < until),
    ({ at }) => beginOf('hour', at),
  )
  return [...byHour].map(([at, rows]) => {
    const all = rows.map(({ counts }) => counts as unknown as Counts)
    const mean = (type: ServiceType, status: ServiceStatus) =>
      Math.round(all.reduce((sum, one) => sum + (one[type]?.[status] ?? 0), 0) / all.length)
    return { span: 'hour' as const, at, counts: countsBy(mean) }
  })
}

async function tooOld(journal: Journal, keep: Keeping, now: Instant): Promise<Pick<SampleRow, 'span' | 'at'>[]> {
  const spans = [
    ['minute', keep.minutes],
    ['hour', keep.hours],
  ] as const
  const found = await Promise.all(
    spans.map(([span, kept]) => journal.select(samples, { where: { span, at: { atMost: now - kept } } })),
  )
  return found.flat()
}

export interface HistoryAsk {
  readonly span: Span
  readonly since: Instant
  readonly until: Instant
  readonly types: readonly ServiceType[]
  readonly statuses: readonly ServiceStatus[]
}

export interface HistoryItem {
  readonly at: Instant
  readonly counts: Partial<Record<ServiceType, Partial<Record<ServiceStatus, number>>>>
}

/** In order of time; both ends are included. */
export async function readHistory(journal: Journal, ask: HistoryAsk): Promise<HistoryItem[]> {
  const rows = await journal.select(samples, { where: { span: ask.span, at: { above: ask.since - 1 } } })
  const wanted = rows.filter(({ at }) => at <= ask.until)
  return wanted.map(({ at, counts }) => {
    const all = counts as unknown as Counts
    const of = (type: ServiceType) =>
      Object.fromEntries(ask.statuses.map((status) => [status, all[type]?.[status] ?? 0]))
    return { at, counts: Object.fromEntries(ask.types.map((type) => [type, of(type)])) }
  })
}
