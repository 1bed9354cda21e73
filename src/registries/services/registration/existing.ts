/** A registration of what is registered already: the same, a takeover of an implicit one, or a refusal that says why. */
import { patch, type Fact, type Stored } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { canonicalJson, type Json } from '../../../kernel/json.ts'
import { parentType } from '../model.ts'
import { noSlot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import type { Call } from './decide.ts'
import { draft, eventData, parentField, pollerAbove, told } from './facts.ts'
import type { Ground } from './ground.ts'
import { isOfOther, nameOf, otherPoller } from './parents.ts'
import type { Asked, By } from './registrations.ts'

interface Difference {
  readonly field: string
  readonly registered: Json
  readonly asked: Json
}

function differences(row: ServiceRow, asked: Asked): Difference[] {
  const before = told(row)
  const after = told(asked)
  return Object.keys(after)
    .filter((field) => canonicalJson(before[field]!) !== canonicalJson(after[field]!))
    .map((field) => ({ field, registered: before[field]!, asked: after[field]! }))
}

/** What becomes of it: nothing, a fact that claims it, or an error. */
function over(row: Stored<ServiceRow>, asked: Asked, poller: string, by: By): 'same' | Fact | AppError {
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
  if (row.parent === asked.parent && isOfOther(asked, poller))
    return otherPoller(asked, row.parent, poller, asked.poller!)
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
  const before: Record<string, Json> = { created_by: row.createdBy }
  const after: Record<string, Json> = { created_by: asked.createdBy }
  for (const one of what) {
    before[one.field] = one.registered
    after[one.field] = one.asked
  }
  const data = { ...eventData(asked, poller, by), before, after }
  return patch(services, claimedFields(asked), draft('claimed', row, by, data), { seq: row.seq })
}

function claimedFields(asked: Asked) {
  const { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy } = asked
  return { type, id, source, component, kind, metadata, spiffe, interval, inactiveAfter, createdBy }
}

/** Decides by its row as the ledger has it. false: it moved, or is gone by now. */
export function createSettle(ground: Ground): (call: Call, index: number) => Promise<boolean> {
  const { roster, ledger, turns, liveness } = ground

  async function settleHeld({ asked, by, results }: Call, index: number): Promise<boolean> {
    const one = asked[index]!
    const [row] = await ledger.read([one])
    const slot = roster.find(one.type, one.id)
    if (row === null || row === undefined || slot === noSlot) return false
    const what = over(row, one, pollerAbove(roster, slot), by)
    if (what === 'same') results[index] = { result: 'unchanged', slot }
    else if (what instanceof AppError) results[index] = what
    else {
      const [seq] = await ledger.commit([what], () => [one])
      if (typeof seq !== 'number') return false
      roster.learn({ ...row, ...claimedFields(one), seq })
      liveness.changed(slot)
      results[index] = { result: 'claimed', slot }
    }
    return true
  }

  return async (call, index) => {
    const one = call.asked[index]!
    const slot = roster.find(one.type, one.id)
    if (slot === noSlot) return false
    if (one.source === 'implicit') {
      call.results[index] = { result: 'unchanged', slot }
      return true
    }
    const turn = await turns.wait([slot])
    try {
      return await settleHeld(call, index)
    } finally {
      turn.end()
    }
  }
}
