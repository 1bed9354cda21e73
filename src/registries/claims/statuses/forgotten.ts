/**
 * A person let go of what was sent, or of the whole sync, after these were sent: they must not come back when
 * statuses are taken again.
 */
import { drop, type Journal } from '../../../engine/journal.ts'
import { pushed } from './judge.ts'
import { claimStatuses } from '../tables.ts'

const together = 500

export async function dropForgotten(journal: Journal, sync: string): Promise<void> {
  const since = Math.max(await lastOf('scope.forgotten'), await lastOf('sync.forgotten'))
  if (since === 0) return
  for (;;) {
    const rows = await journal.select(claimStatuses, { where: { sync, seq: { atMost: since } }, limit: together })
    if (rows.length === 0) return
    const facts = rows.map(({ key, seq }) => {
      const event = { type: 'claim.forgotten', sync, scope: pushed, key, reason: 'forgotten' }
      return drop(claimStatuses, { sync, key }, event, { seq })
    })
    await journal.commit(facts)
  }

  async function lastOf(type: string): Promise<number> {
    const found = await journal.events({ sync, type, last: true, limit: 20 })
    return found.find(({ scope }) => scope === undefined || scope === pushed)?.seq ?? 0
  }
}
