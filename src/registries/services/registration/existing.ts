/** A registration of what is registered already: the same, a takeover of an implicit one, or a refusal that says why. */
import { patch, type Fact, type Stored } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { canonicalJson, type Json } from '../../../kernel/json.ts'
import { parentType } from '../model.ts'
import { services, type ServiceRow } from '../tables.ts'
import { draft, eventData, parentField, told } from './facts.ts'
import { nameOf } from './parents.ts'
import type { Asked, By } from './registrations.ts'

export interface Difference {
  readonly field: string
  readonly registered: Json
  readonly asked: Json
}

export function differences(row: ServiceRow, asked: Asked): Difference[] {
  const before = told(row)
  const after = told(asked)
  return Object.keys(after)
    .filter((field) => canonicalJson(before[field]!) !== canonicalJson(after[field]!))
    .map((field) => ({ field, registered: before[field]!, asked: after[field]! }))
}

/** What becomes of it: nothing, a fact that claims it, or an error. */
export function over(row: Stored<ServiceRow>, asked: Asked, poller: string, by: By): 'same' | Fact | AppError {
  if (asked.source === 'implicit') return 'same'
  const what = differences(row, asked)
  const data = { service_type: row.type, service_id: row.id, status: row.status, differences: what }
  const name = nameOf(row)
  if (row.status === 'revoked' || row.status === 'deleted') {
    const step =
      row.status === 'revoked'
        ? 'An admin restores it by setting its status to active, with a reason'
        : 'An admin brings it back (undelete) within the grace time, or purges it'
    return new AppError('services.exists', `${name} is registered, and ${row.status}. ${step}.`, { data })
  }
  if (what.length === 0) return 'same'
  if (row.parent !== asked.parent) {
    const type = parentType(row.type)!
    const detail = `${name} belongs to ${type} ${row.parent}, not to ${asked.parent}. Ids are unique among all ${row.type}s: choose another, or move it by an edit of its ${parentField(row.type)}.`
    return new AppError('services.exists', detail, { data })
  }
  if (row.source !== 'implicit') {
    const fields = what.map(({ field }) => field).join(', ')
    const detail = `${name} is registered with other values of ${fields}. Change it by an edit, or register it under another id.`
    return new AppError('services.exists', detail, { data })
  }
  return claim(row, asked, what, poller, by)
}

/** First registered, first seen and status stay; what the registration says is taken. */
function claim(row: Stored<ServiceRow>, asked: Asked, what: readonly Difference[], poller: string, by: By): Fact {
  const { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy } = asked
  const before: Record<string, Json> = { created_by: row.createdBy }
  const after: Record<string, Json> = { created_by: createdBy }
  for (const one of what) {
    before[one.field] = one.registered
    after[one.field] = one.asked
  }
  const set = { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy }
  const data = { ...eventData(asked, poller, by), before, after }
  return patch(services, set, draft('claimed', row, by, data), { seq: row.seq })
}
