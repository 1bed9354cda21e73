import type { EventQuery } from '../../engine/journal.ts'
import { eventColumns, type EventCells } from '../chain.ts'

const at = Object.fromEntries(eventColumns.map((column, place) => [column, place])) as Record<
  (typeof eventColumns)[number],
  number
>

export function eventTest(query: EventQuery): (event: EventCells) => boolean {
  const { after = 0, before = Infinity, since = -Infinity, type } = query
  const equal = (['sync', 'target', 'key'] as const).filter((column) => query[column] !== undefined)
  return (event) =>
    event[0] > after &&
    event[0] < before &&
    event[1] >= since &&
    (type === undefined || (type.endsWith('.') ? `${event[2].split('.', 1)[0]}.` : event[2]) === type) &&
    equal.every((column) => event[at[column]] === query[column])
}
