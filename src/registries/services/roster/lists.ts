/** Lists of services from memory: filtered, searched, page by page, the newest registered first. */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import {
  registrationSources,
  serviceStatuses,
  serviceTypes,
  type RegistrationSource,
  type ServiceStatus,
  type ServiceType,
} from '../model.ts'
import { descendants, filterOf, type Test } from './filter.ts'
import type { Standing } from './order.ts'
import type { Slot } from './roster.ts'
import { createWalk, type WalkParts } from './walk.ts'

export interface ListQuery {
  readonly type?: ServiceType
  /** Empty or left out: any. */
  readonly statuses?: readonly ServiceStatus[]
  readonly sources?: readonly RegistrationSource[]
  /** Beginning of an id, of a value of its metadata, or of the value of one key: `site=ber`. */
  readonly q?: string
  /** Below this poller, whether that is registered or not. */
  readonly poller?: string
  readonly agent?: string
  readonly kind?: string
  /** Registered then or later. */
  readonly since?: Instant
  /** What the caller asks besides: whether it is late. */
  readonly is?: Test
  /** `next` of the page before. */
  readonly after?: Standing
  /** So many are left out; for callers without a cursor. */
  readonly offset?: number
  readonly limit: number
}

export interface ListPage {
  readonly slots: readonly Slot[]
  /** null: there are no more. */
  readonly next: Standing | null
  /** All that fit, on whatever page. */
  readonly total: number
  /** False: there are at least so many; counting took too long. */
  readonly exact: boolean
}

export interface Lists {
  /**
   * Who is there when it begins, and fits throughout, is on exactly one page of those that follow each other. Rejects
   * only with the reason of the signal.
   */
  list(query: ListQuery, signal?: AbortSignal): Promise<ListPage>
}

export interface ListsParts extends WalkParts {
  /** Time for counting; default 30 ms. */
  readonly counting?: Ms
  /** So many below one parent are gathered and sorted, default 5,000; where there are more, all are looked through. */
  readonly gathered?: number
}

export function createLists({ counting = 30, gathered = 5_000, ...parts }: ListsParts): Lists {
  const { roster } = parts
  const { order } = roster
  const walk = createWalk(parts)

  async function list(query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
    const fits = filterOf(roster, query)
    const few = descendants(roster, query, gathered)
    return few === null ? search(query, fits, signal) : pageOf(few.filter(fits), query)
  }

  function pageOf(fitting: readonly Slot[], { after, offset = 0, limit }: ListQuery): ListPage {
    const all = fitting.toSorted((a, b) => order.compare(b, a))
    const rest = after === undefined ? all : all.filter((slot) => order.compareTo(slot, after) < 0)
    const slots = rest.slice(offset, offset + limit)
    const more = rest.length > offset + slots.length
    return { slots, next: more ? nextOf(slots) : null, total: all.length, exact: true }
  }

  async function search(query: ListQuery, fits: Test, signal: AbortSignal | undefined): Promise<ListPage> {
    const { after = null, offset = 0, limit } = query
    const oldest = query.since === undefined ? null : { registeredAt: query.since, type: -1, id: '' }
    const budget = { left: counting }
    const slots: Slot[] = []
    let found = 0
    let extra: Slot | null = null
    const take = (slot: Slot): boolean => {
      if (!fits(slot)) return true
      found += 1
      if (found <= offset) return true
      if (slots.length < limit) slots.push(slot)
      else extra = slot
      return extra === null
    }
    await walk({ below: after, downTo: oldest, visit: take, budget, stops: false, signal })
    const next = extra === null ? null : nextOf(slots)
    const kept = keptTotal(query)
    if (kept !== null) return { slots, next, total: kept, exact: true }

    const count = (slot: Slot): boolean => {
      if (fits(slot)) found += 1
      return true
    }
    const rest = { visit: count, budget, stops: true, signal }
    let exact = extra === null || (await walk({ ...rest, below: order.standingOf(extra), downTo: oldest }))
    if (after !== null) exact = (await walk({ ...rest, below: null, downTo: after })) && exact
    return { slots, next, total: found, exact }
  }

  function nextOf(slots: readonly Slot[]): Standing {
    return order.standingOf(slots.at(-1)!)
  }

  /** Where the roster keeps the count; null: it is to be counted. */
  function keptTotal({ type, statuses, sources, q = '', poller, agent, kind, since, is }: ListQuery): number | null {
    if (q !== '' || (poller ?? agent ?? kind ?? since ?? is) !== undefined) return null
    let total = 0
    for (const one of type === undefined ? serviceTypes : [type]) {
      for (const status of statuses?.length ? new Set(statuses) : serviceStatuses) {
        for (const source of sources?.length ? new Set(sources) : registrationSources) {
          total += roster.count(one, status, source)
        }
      }
    }
    return total
  }

  return { list }
}
