/** What is counted as it happens, in plain numbers that metrics are made of at each scrape. */
import type { KnownCheck } from '../known.ts'
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
  /** The same check, counting its answers. */
  counting(check: KnownCheck): KnownCheck
  transitions(): Iterable<Readonly<Counted>>
  lookups(): { readonly known: number; readonly unknown: number }
}

export function createCounters(): Counters {
  const transitions = new Map<string, Counted>()
  let known = 0
  let unknown = 0
  const count = (is: boolean) => {
    if (is) known += 1
    else unknown += 1
  }
  return {
    transitioned(type, from, to) {
      const key = `${type} ${from} ${to}`
      const counted = transitions.get(key)
      if (counted === undefined) transitions.set(key, { type, from, to, count: 1 })
      else counted.count += 1
    },
    counting: (check) => ({
      isKnown(poller) {
        const is = check.isKnown(poller)
        count(is)
        return is
      },
      explain(poller) {
        const explained = check.explain(poller)
        count(explained.known)
        return explained
      },
    }),
    transitions: () => transitions.values(),
    lookups: () => ({ known, unknown }),
  }
}
