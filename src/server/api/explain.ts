/** Everything that is known of one key, in one answer. */
import { z } from 'zod'
import type { Stored } from '../../engine/journal.ts'
import { deliveries, entries, holds, scopes, syncs, targets, type EntryRow } from '../../engine/tables.ts'
import { route, type Route } from '../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../kernel/visible.ts'
import { noSync, type ApiParts } from './parts.ts'
import { reasonText, sentenceOf } from './explain-sentence.ts'
import { Delivery, Entry, EventItem, Hold } from './rows.ts'

const Explained = z.object({
  key: z.string(),
  syncs: z.array(
    z.object({
      sync: z.string(),
      state: z.enum(['active', 'paused', 'orphaned']),
      entries: z.array(Entry).meta({ description: 'One for each scope that holds or held it' }),
      targets: z.array(
        z.object({
          target: z.string(),
          state: z.string(),
          sentence: z.string().meta({ description: 'Why it is as it is, and what happens next' }),
          delivery: Delivery.nullable(),
          reasonText: z.string().nullable(),
          hold: Hold.nullable(),
        }),
      ),
      events: z.array(EventItem).meta({ description: 'The newest first' }),
    }),
  ),
})
type OfSync = z.infer<typeof Explained>['syncs'][number]

const mostEvents = 20

export function explainRoutes(parts: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/explain',
      role: 'viewer',
      within: 'filtered',
      tag: 'ledger',
      summary: 'Explain one key: what sources say, what each target holds, why, and what happens next',
      query: z.object({ key: z.string().min(1), sync: z.string().optional() }),
      response: Explained,
      async handle({ query: { key, sync }, caller }) {
        visibleSyncs(caller, sync)
        const known = await parts.journal.select(syncs)
        if (sync !== undefined && !known.some((one) => one.sync === sync)) throw noSync(sync)
        const wanted = known.filter((one) => (sync ?? one.sync) === one.sync && maySeeSync(caller.scopes, one.sync))
        const found = await Promise.all(wanted.map((one) => explainIn(parts, one.sync, one.state, key)))
        return { body: { key, syncs: found.filter((one) => one !== null) } }
      },
    }),
  ]
}

/** Null: the sync never heard of the key. */
async function explainIn(
  { journal, clock }: ApiParts,
  sync: string,
  state: OfSync['state'],
  key: string,
): Promise<OfSync | null> {
  const where = { sync, key }
  const [ofEntries, ofDeliveries, ofHolds, events, ofTargets] = await Promise.all([
    journal.select(entries, { where }),
    journal.select(deliveries, { where }),
    journal.select(holds, { where: { ...where, state: 'held' } }),
    journal.events({ ...where, last: true, limit: mostEvents }),
    journal.select(targets, { where: { sync } }),
  ])
  if (ofEntries.length + ofDeliveries.length + events.length === 0) return null
  const named = [...new Set(ofEntries.map(({ scope }) => scope))]
  const ranks = new Map(
    (await journal.select(scopes, { where: { sync, scope: { in: named } } })).map(({ scope, rank }) => [scope, rank]),
  )
  const entry = winner(ofEntries, ranks)
  return {
    sync,
    state,
    entries: ofEntries,
    targets: ofTargets.map((row) => {
      const delivery = ofDeliveries.find(({ target }) => target === row.target) ?? null
      const hold = ofHolds.find(({ target }) => target === row.target) ?? null
      const sentence = sentenceOf({ key, syncState: state, target: row, entry, delivery, hold, now: clock.now() })
      const reason = delivery?.reason ?? null
      const text = reason === null ? null : reasonText(reason)
      return { target: row.target, state: row.state, sentence, delivery, reasonText: text, hold }
    }),
    events,
  }
}

/** Of several scopes with the key live, the one that ranks before; else the newest tombstone. */
function winner(found: readonly Stored<EntryRow>[], ranks: ReadonlyMap<string, number>): Stored<EntryRow> | null {
  const live = found.filter(({ state }) => state === 'live')
  const byRank = (a: EntryRow, b: EntryRow) =>
    (ranks.get(a.scope) ?? 0) - (ranks.get(b.scope) ?? 0) || (a.scope < b.scope ? -1 : 1)
  return live.toSorted(byRank)[0] ?? found.toSorted((a, b) => b.seq - a.seq)[0] ?? null
}
