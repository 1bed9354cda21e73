/**
 * What is counted as it happens. In plain maps and not in counters of the metrics' library: those look their labels up
 * by a text made anew each time, which would cost as much as a heartbeat.
 */
import type { BeatResult } from '../beats/beats.ts'
import type { ServiceStatus, ServiceType } from '../model.ts'

/** none: it was not registered before; gone: its row is not there any more. */
type From = ServiceStatus | 'none'
type To = ServiceStatus | 'gone'

interface Counted {
  readonly type: ServiceType
  readonly from: From
  readonly to: To
  count: number
}

export interface Counters {
  /** A transition was committed. */
  transitioned(type: ServiceType, from: From, to: To): void
  beat(result: BeatResult, n?: number): void
  known(known: boolean): void
  transitions(): Iterable<Readonly<Counted>>
  beats(): Iterable<readonly [BeatResult, number]>
  lookups(): { readonly known: number; readonly unknown: number }
}

export function createCounters(): Counters {
  const transitions = new Map<string, Counted>()
  const beats: Record<BeatResult, number> = {
    taken: 0,
    repeated: 0,
    restarted: 0,
    duplicate: 0,
    activated: 0,
    reactivated: 0,
    registered: 0,
    quarantined: 0,
    refused: 0,
  }
  let known = 0
  let unknown = 0
  return {
    transitioned(type, from, to) {
      const key = `${type} ${from} ${to}`
      const counted = transitions.get(key)
      if (counted === undefined) transitions.set(key, { type, from, to, count: 1 })
      else counted.count += 1
    },
    beat(result, n = 1) {
      beats[result] += n
    },
    known(is) {
      if (is) known += 1
      else unknown += 1
    },
    transitions: () => transitions.values(),
    beats: () => Object.entries(beats) as [BeatResult, number][],
    lookups: () => ({ known, unknown }),
  }
}
