/** Changes of what a registration says, and moves below another parent. */
import { patch, type Fact, type Stored } from '../../../engine/journal.ts'
import { canonicalJson, type Json } from '../../../kernel/json.ts'
import { parentType } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import { draft, eventData, parentField, pollerAbove, stillAt, told } from './facts.ts'
import { mostRounds, tooOften, type Ground } from './ground.ts'
import { parentFault, parentOfPoller } from './parents.ts'
import type { By, Edit, Registered, Registrations } from './registrations.ts'
import { refusal } from './steps.ts'
import { moved, notFound } from './transit.ts'
import type { Turn } from './turns.ts'

export function createEdit(ground: Ground): Registrations['edit'] {
  const { roster, ledger, turns } = ground

  /** noSlot: it stays where it is. Throws where the parent does not fit. */
  function parentAsked(row: ServiceRow, edit: Edit): Slot {
    if (edit.parent === undefined || edit.parent === row.parent) return noSlot
    const type = parentType(row.type)
    if (type === null) throw parentOfPoller(row, edit.parent)
    const parent = roster.find(type, edit.parent)
    const fault = parentFault(row, edit.parent, parent === noSlot ? null : roster.statusOf(parent))
    if (fault !== null) throw fault
    return parent
  }

  function moveOf(row: Stored<ServiceRow>, parent: Slot, by: By): Fact[] {
    const { type, id } = row
    const above = { type: parentType(type)!, id: roster.idOf(parent) }
    const field = parentField(type)
    const data = {
      ...eventData({ ...row, parent: above.id }, pollerAbove(roster, parent), by),
      before: { [field]: row.parent },
      after: { [field]: above.id },
    }
    const move = patch(services, { type, id, parent: above.id }, draft('moved', row, by, data), { seq: row.seq })
    // In one process the parent is held until it is written.
    return ledger.shared ? [stillAt(above, roster.columns.seq[parent]!), move] : [move]
  }

  function changeOf(row: Stored<ServiceRow>, after: ServiceRow, slot: Slot, by: By): Fact | null {
    const was = told(row)
    const is = told(after)
    const names = Object.keys(is).filter(
      (name) => name !== parentField(row.type) && canonicalJson(is[name]!) !== canonicalJson(was[name]!),
    )
    if (names.length === 0) return null
    const some = (of: Record<string, Json>) => Object.fromEntries(names.map((name) => [name, of[name]!]))
    const data = { ...eventData(after, pollerAbove(roster, slot), by), before: some(was), after: some(is) }
    const { type, id, metadata, interval, inactiveAfter, spiffe } = after
    const set = { type, id, metadata, interval, inactiveAfter, spiffe }
    // After a move, which has the condition, its position is another.
    return patch(
      services,
      set,
      draft('changed', row, by, data),
      row.parent === after.parent ? { seq: row.seq } : undefined,
    )
  }

  /** null: something moved meanwhile, decide anew. */
  async function attempt(turn: Turn, slot: Slot, edit: Edit, by: By & { ifSeq?: number }): Promise<Registered | null> {
    const [row] = await ledger.read([{ type: roster.typeOf(slot), id: roster.idOf(slot) }])
    if (row === null || row === undefined) throw notFound()
    if (by.ifSeq !== undefined && by.ifSeq !== row.seq) throw moved()
    if (row.status === 'deleted') throw refusal(row, row.status, 'activate', 'service-deleted')
    const parent = parentAsked(row, edit)
    if (parent !== noSlot && !turn.has(parent)) return null
    const { parent: _parent, ...fields } = edit
    const after = { ...row, ...fields, ...(parent !== noSlot && { parent: edit.parent! }) }
    const change = changeOf(row, after, slot, by)
    const facts = [...(parent === noSlot ? [] : moveOf(row, parent, by)), ...(change === null ? [] : [change])]
    if (facts.length === 0) return { result: 'unchanged', slot }
    const results = await ledger.commit(facts, () => [row], { atomic: true })
    const seq = results.at(-1)
    if (seq === 'conflict') {
      if (parent !== noSlot) await ledger.read([{ type: roster.typeOf(parent), id: roster.idOf(parent) }])
      return null
    }
    if (typeof seq === 'number') roster.learn({ ...after, seq })
    ground.liveness.changed(slot)
    return { result: 'changed', slot }
  }

  return async (slot, edit, by) => {
    for (let rounds = 0; rounds < mostRounds; rounds += 1) {
      if (ground.isGone(slot)) throw notFound()
      // The parent is held, too: nobody revokes or purges it meanwhile.
      const above = parentType(roster.typeOf(slot))
      const parent = edit.parent === undefined || above === null ? noSlot : roster.find(above, edit.parent)
      const turn = await turns.wait(parent === noSlot ? [slot] : [slot, parent])
      try {
        // Now, for whoever had the turn before may have left a doubt.
        await ledger.sure()
        if (ground.isGone(slot)) throw notFound()
        const edited = await attempt(turn, slot, edit, by)
        if (edited !== null) return edited
      } finally {
        turn.end()
      }
    }
    throw tooOften()
  }
}
