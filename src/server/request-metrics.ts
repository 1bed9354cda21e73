import type { FastifyInstance } from 'fastify'
import type { Computed, Metrics } from '../kernel/metrics.ts'

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts one answered request. */
export type Observe = (status: number, seconds: number) => void

interface Series {
  /** How many took as long as each bucket and no shorter one; the last is for all others. */
  readonly counts: number[]
  sum: number
}

/**
 * Labels are patterns of routes and classes of status: as many series as there are routes, whatever is asked for.
 * Counted here rather than in the metrics library: its look-up of labels would cost a direct answer a tenth.
 */
export function createDurations(metrics: Metrics): (method: string, route: string) => Observe {
  const kept = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly series: Series }>()
  const observers = new Map<string, Observe>()

  metrics.computed(
    'regista_http_request_duration_seconds',
    'Time from the request to the end of its answer, by route and class of status. Streams are left out.',
    'histogram',
    () => [...kept.values()].flatMap(({ labels, series }) => valuesOf(labels, series)),
  )

  function seriesOf(method: string, route: string, status: string): Series {
    const key = `${method} ${route} ${status}`
    const found = kept.get(key)
    if (found !== undefined) return found.series
    const series: Series = { counts: [...buckets, 0].map(() => 0), sum: 0 }
    kept.set(key, { labels: { method, route, status }, series })
    return series
  }

  function observer(method: string, route: string): Observe {
    const byClass: (Series | undefined)[] = []
    return (status, seconds) => {
      const digit = Math.floor(status / 100)
      const series = (byClass[digit] ??= seriesOf(method, route, `${digit}xx`))
      let place = 0
      while (place < buckets.length && seconds > buckets[place]!) place += 1
      series.counts[place]! += 1
      series.sum += seconds
    }
  }

  return (method, route) => {
    const key = `${method} ${route}`
    const found = observers.get(key)
    if (found !== undefined) return found
    const made = observer(method, route)
    observers.set(key, made)
    return made
  }
}

function valuesOf(labels: Readonly<Record<string, string>>, { counts, sum }: Series): Computed[] {
  let count = 0
  const values: Computed[] = counts.map((more, place) => {
    count += more
    return { suffix: '_bucket', labels: { ...labels, le: String(buckets[place] ?? '+Inf') }, value: count }
  })
  return [...values, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }]
}

export function measureRequests(app: FastifyInstance, observerOf: (method: string, route: string) => Observe): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (!isStream(reply.getHeader('content-type'))) {
      observerOf(request.method, request.routeOptions.url ?? 'none')(reply.statusCode, reply.elapsedTime / 1000)
    }
    done()
  })
}

function isStream(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('text/event-stream')
}
