/** What happened to a sync over a range of the ledger, gathered from its events into one notice. Pure. */
import type { Event, Seq } from '../engine/journal.ts'
import { isoTime } from '../kernel/clock.ts'
import { sha256 } from '../kernel/digest.ts'
import type { Json, JsonObject } from '../kernel/json.ts'

/** What a receiver is told of, by the type of the event. Whatever else happens is on its way to one of these. */
const outcomes = {
  'delivery.applied': 'applied',
  'delivery.removed': 'removed',
  'delivery.failed': 'failed',
  'delivery.lost': 'failed',
  'delivery.rejected': 'rejected',
  'delivery.held': 'held',
  'target.unavailable': 'unavailable',
  'target.recovered': 'recovered',
  'scope.unavailable': 'unavailable',
  'scope.troubled': 'troubled',
  'scope.recovered': 'recovered',
} as const
type Outcome = (typeof outcomes)[keyof typeof outcomes]

const counted = ['applied', 'removed', 'failed', 'rejected', 'held', 'unavailable', 'troubled', 'recovered'] as const
const unwelcome: ReadonlySet<Outcome> = new Set(['failed', 'rejected', 'held', 'unavailable', 'troubled', 'recovered'])

/** Changes listed in one notice; the counts are of all. */
const mostListed = 500
/** Characters that they may have together, for keys may be long. */
const mostText = 100_000

export interface Gathering {
  readonly from: Seq
  /** The last event that was looked at. */
  readonly to: Seq
  /** Something is worth telling. */
  readonly some: boolean
  /** Something is worth telling to those who want to know of failures alone. */
  readonly unwelcome: boolean
  take(event: Event): void
  /** Everything up to here was looked at, also where it was about another sync. */
  reach(seq: Seq): void
  notice(of: { readonly sync: string; readonly registry: string; readonly hook: string; readonly ok: boolean }): Notice
}

export interface Notice {
  readonly id: string
  readonly body: string
}

export function gather(from: Seq): Gathering {
  const counts = Object.fromEntries(counted.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  /** The last outcome of each key, in the order in which they came. */
  const changes = new Map<string, JsonObject>()
  let [to, at, text] = [from, 0, 0]
  let truncated = false
  let commit: string | null = null

  function list(event: Event, outcome: Outcome): void {
    const { scope, target, key, reason } = event
    const id = JSON.stringify([scope, target, key])
    const label = labelOf(event.data)
    const change: JsonObject = {
      ...(target !== undefined && { target }),
      ...(key === undefined && scope !== undefined && { scope }),
      ...(key !== undefined && { key }),
      outcome,
      ...(label !== null && { label }),
      ...(reason !== undefined && { reason }),
    }
    const known = changes.delete(id)
    text += JSON.stringify(change).length
    if (!known && (changes.size >= mostListed || text > mostText)) truncated = true
    else changes.set(id, change)
  }

  return {
    from,
    get to() {
      return to
    },
    get some() {
      return Object.values(counts).some((count) => count > 0)
    },
    get unwelcome() {
      return [...unwelcome].some((outcome) => counts[outcome] > 0)
    },
    take(event) {
      to = event.seq
      commit = commitOf(event.data) ?? commit
      const outcome = (outcomes as Readonly<Record<string, Outcome | undefined>>)[event.type]
      if (outcome === undefined) return
      at = event.at
      counts[outcome] += 1
      list(event, outcome)
    },
    reach(seq) {
      to = Math.max(to, seq)
    },
    notice({ sync, registry, hook, ok }) {
      const range = { sync, registry, from, to, ok, counts }
      const told = { ...range, changes: [...changes.values()], truncated, ...(commit !== null && { commit }) }
      // Of what it says, too: after a restore the same range may hold something else.
      const id = `msg_${sha256(JSON.stringify([hook, at, told])).slice(0, 32)}`
      return { id, body: JSON.stringify({ type: 'sync.completed', timestamp: isoTime(at), data: { id, ...told } }) }
    },
  }
}

function field(data: Json | undefined, name: string): Json {
  return data !== null && typeof data === 'object' && !Array.isArray(data) ? ((data as JsonObject)[name] ?? null) : null
}

function labelOf(data: Json | undefined): string | null {
  const label = field(data, 'label')
  return typeof label === 'string' && label !== '' ? label : null
}

/** Sources that read from Git note the commit with each entry. */
function commitOf(data: Json | undefined): string | null {
  const commit = field(field(data, 'note'), 'commit')
  return typeof commit === 'string' ? commit : null
}
