/** Reads the roster from the ledger. */
import { setImmediate } from 'node:timers/promises'
import type { Journal } from '../../../engine/journal.ts'
import { services } from '../tables.ts'
import type { Roster } from './roster.ts'

const columns = [
  'type',
  'id',
  'status',
  'statusAt',
  'source',
  'parent',
  'kind',
  'metadata',
  'interval',
  'inactiveAfter',
  'registeredAt',
  'firstSeen',
] as const

/**
 * Learns all rows as they were at one moment. What is known to be newer stays; who is gone since is not forgotten. A
 * million services take two seconds, in turns of some thousand.
 */
export async function loadRoster(journal: Pick<Journal, 'scan'>, roster: Roster, signal?: AbortSignal): Promise<void> {
  let orderly = true
  for await (const block of journal.scan(services, columns, signal === undefined ? {} : { signal })) {
    const { type, id, status, statusAt, source, parent, kind, metadata, ...times } = block.columns
    const { interval, inactiveAfter, registeredAt, firstSeen } = times
    for (let n = 0; n < block.size; n++) {
      const row = {
        type: type[n]!,
        id: id[n]!,
        status: status[n]!,
        statusAt: statusAt[n]!,
        source: source[n]!,
        parent: parent[n]!,
        kind: kind[n]!,
        interval: interval[n]!,
        inactiveAfter: inactiveAfter[n]!,
        registeredAt: registeredAt[n]!,
        firstSeen: firstSeen[n]!,
        seq: block.seq[n]!,
      }
      roster.learnText(row, metadata[n] ?? '{}')
    }
    if (orderly) orderly = roster.order.settle()
    // Blocks that are there already would come one after another without a turn between them.
    await setImmediate()
    signal?.throwIfAborted()
  }
  roster.order.slots()
}
