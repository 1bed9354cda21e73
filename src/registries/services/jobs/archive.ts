/**
 * Archives what has been inactive for long: first its rows are exported, then it is revoked (`service.archived`). What
 * is not exported is not archived. Cut off in between it is exported again, and archived once: a second export at the
 * same position of the ledger holds at least what the first did, and takes its name.
 */
import type { Journal, Stored } from '../../../engine/journal.ts'
import { isoTime, type Clock, type Instant } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { serviceStatuses, serviceTypes } from '../model.ts'
import type { Registrations } from '../registration/registrations.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import { exportName, type Exporter } from './export.ts'
import type { Job, JobContext } from './job.ts'
import { mostShown, nameOf } from './named.ts'
import { longInactive } from './reasons.ts'

export interface ArchiveParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'lastSeen'>
  readonly registrations: Pick<Registrations, 'transitAll'>
  readonly journal: Pick<Journal, 'select' | 'head'>
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly exporter: Exporter
  readonly config: Pick<ServicesConfig['jobs']['archive'], 'enabled' | 'every' | 'after'>
  /** Services of one file: some 3 MB of lines. */
  readonly perFile?: number
}

const inactive = serviceStatuses.indexOf('inactive')
/** Read and written together: more would keep heartbeats waiting for longer. */
const page = 500

export function archiveJob(parts: ArchiveParts): Job {
  const { config } = parts
  return {
    name: 'archive',
    about: 'Exports services that have been inactive for long, and revokes them',
    schedule: { interval: config.every },
    enabled: config.enabled,
    most: 6 * 3_600_000,
    run: (context) => archive(parts, context),
  }
}

async function archive(parts: ArchiveParts, context: JobContext): Promise<JsonObject> {
  const { roster, clock, config, logger, perFile = 5_000 } = parts
  const due = longInactives(roster, clock.now() - config.after)
  const shown = due.slice(0, mostShown).map((slot) => ({
    service: nameOf(roster, slot),
    why: longInactive,
    since: isoTime(roster.columns.statusAt[slot]!),
  }))
  if (context.dryRun) return { due: due.length, archived: 0, services: shown }
  const files: string[] = []
  let archived = 0
  for (let from = 0; from < due.length; from += perFile) {
    context.signal.throwIfAborted()
    const done = await archiveSome(parts, context, due.slice(from, from + perFile))
    if (done === null) continue
    files.push(done.file)
    archived += done.archived
  }
  if (archived > 0) logger.info({ archived, files }, 'services that were inactive for long are archived')
  return { due: due.length, archived, skipped: due.length - archived, files, services: shown }
}

/** Inactive for the longest first: that order is the same when it is looked at again. */
function longInactives({ columns, end }: Roster, until: Instant): Slot[] {
  const found: Slot[] = []
  for (let slot = 0; slot < end; slot += 1) {
    if (columns.status[slot] !== inactive || columns.type[slot]! >= serviceTypes.length) continue
    if (columns.statusAt[slot]! <= until) found.push(slot)
  }
  return found.toSorted((a, b) => columns.statusAt[a]! - columns.statusAt[b]! || columns.seq[a]! - columns.seq[b]!)
}

/** null: none of them is inactive any more. */
async function archiveSome(parts: ArchiveParts, { signal, by, fence }: JobContext, slots: readonly Slot[]) {
  const { roster, registrations, journal, clock, exporter } = parts
  // Before the rows are read: whoever was archived meanwhile is in a file of an earlier position.
  const { seq: position } = await journal.head()
  const rows = await rowsOf(parts, slots)
  if (rows.size === 0) return null
  const now = clock.now()
  const lines = [...rows].map(([slot, row]) => lineOf(parts, slot, row, now)).join('')
  const file = await exporter.write(exportName(now, position), lines, signal)
  signal.throwIfAborted()
  const unchanged = [...rows].filter(([slot, { seq }]) => roster.columns.seq[slot] === seq).map(([slot]) => slot)
  let archived = 0
  for (let from = 0; from < unchanged.length; from += page) {
    signal.throwIfAborted()
    const options = { actor: by, rule: longInactive, at: now, data: { file }, fence: fence() }
    archived += (await registrations.transitAll(unchanged.slice(from, from + page), 'archive', options)).length
  }
  return { file, archived }
}

/** Of those that are inactive by the ledger. */
async function rowsOf({ roster, journal }: ArchiveParts, slots: readonly Slot[]) {
  const rows = new Map<Slot, Stored<ServiceRow>>()
  for (const type of serviceTypes) {
    const some = slots.filter((slot) => roster.typeOf(slot) === type)
    for (let from = 0; from < some.length; from += page) {
      const ids = some.slice(from, from + page).map((slot) => roster.idOf(slot))
      const found = await journal.select(services, { where: { type, id: { in: ids } }, limit: page })
      for (const row of found) if (row.status === 'inactive') rows.set(roster.find(type, row.id), row)
    }
  }
  return rows
}

/** A line of the export: the whole row under the names of the API, when it was last heard of, and all above it. */
function lineOf({ roster, liveness }: ArchiveParts, slot: Slot, row: Stored<ServiceRow>, now: Instant): string {
  const parents: string[] = []
  for (let above = roster.columns.parent[slot]!; above !== noSlot; above = roster.columns.parent[above]!) {
    parents.push(nameOf(roster, above))
  }
  const timeOf = (at: Instant | null) => (at === null ? null : isoTime(at))
  const seen = liveness.lastSeen(slot)
  const line = {
    service_type: row.type,
    service_id: row.id,
    status: row.status,
    status_since: isoTime(row.statusAt),
    reason: row.reason,
    registration_source: row.source,
    component_id: row.component,
    parent_id: row.parent,
    parents,
    checker_kind: row.kind,
    metadata: row.metadata,
    spiffe_identity: row.spiffe,
    interval: row.interval === null ? null : formatDuration(row.interval),
    inactive_after: row.inactiveAfter === null ? null : formatDuration(row.inactiveAfter),
    created_by: row.createdBy,
    first_registered: isoTime(row.registeredAt),
    first_seen: timeOf(row.firstSeen),
    last_seen: seen === 0 ? null : isoTime(seen),
    revoked_at: timeOf(row.revokedAt),
    seq: row.seq,
    archived_at: isoTime(now),
  }
  return `${JSON.stringify(line)}\n`
}
