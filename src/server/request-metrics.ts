import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../kernel/metrics.ts'

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Labels are patterns of routes and classes of status: as many series as there are routes, whatever is asked for. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const duration = metrics.histogram(
    'regista_http_request_duration_seconds',
    'Time from the request to the end of its answer, by route and class of status. Streams are left out.',
    ['method', 'route', 'status'],
    buckets,
  )

  app.addHook('onResponse', (request, reply, done) => {
    if (!isStream(reply.getHeader('content-type'))) {
      const route = request.routeOptions.url ?? 'none'
      const status = `${Math.floor(reply.statusCode / 100)}xx`
      duration.observe({ method: request.method, route, status }, reply.elapsedTime / 1000)
    }
    done()
  })
}

function isStream(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('text/event-stream')
}
