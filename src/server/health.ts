/** /livez /readyz /healthz /metrics: for probes and scrapers, answered without touching what is slow. */
import { z } from 'zod'
import type { Journal } from '../engine/journal.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import { createDeadline } from '../kernel/deadline.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { route, type Caller, type Route } from '../kernel/route.ts'
import { isKnown, type Guarded } from './access/guard.ts'

export interface HealthParts {
  readonly journal: Journal
  readonly metrics: Metrics
  readonly clock: Clock
  readonly version: string
  readonly stopping: AbortSignal
  /** Enough is answered from memory to be ready while the journal cannot be read. */
  readonly servesFromMemory?: boolean
}

const Check = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string().optional().meta({ description: 'Why not; only for callers that may know' }),
})
export const Health = z
  .object({
    status: z.enum(['ok', 'degraded', 'failing']).meta({ description: 'degraded: it serves, and not all is well' }),
    version: z.string().optional(),
    checks: z.array(Check).optional(),
  })
  .meta({ description: 'To callers without a token from other machines: the status alone' })
type Check = z.infer<typeof Check>

/** A database that does not answer a probe within this time is not ready. */
const headBound: Ms = 2000
/** Probes that come faster get the same answer. */
const keptFor: Ms = 500

export function healthRoutes(parts: HealthParts): readonly (Route & Guarded)[] {
  const checks = createChecks(parts)
  const common = { method: 'GET', tag: 'health', role: 'public', response: Health, observes: true } as const
  const answer = async (caller: Caller, stops: (check: Check) => boolean) => {
    const found = await checks()
    const wrong = found.filter(({ ok }) => !ok)
    const failing = wrong.some(stops)
    const status = failing ? ('failing' as const) : wrong.length > 0 ? ('degraded' as const) : ('ok' as const)
    const body = isKnown(caller) ? { status, version: parts.version, checks: found } : { status }
    return { status: failing ? 503 : 200, body }
  }
  const bearable = parts.servesFromMemory === true ? ['journal-read', 'journal-write'] : ['journal-write']
  return [
    declare({
      ...common,
      path: '/livez',
      summary: 'Say that the process is alive',
      handle: () => Promise.resolve({ body: { status: 'ok' as const } }),
    }),
    declare({
      ...common,
      path: '/readyz',
      summary: 'Say whether requests can be answered: the journal can be read and the server does not stop',
      handle: ({ caller }) => answer(caller, ({ name }) => !bearable.includes(name)),
    }),
    declare({
      ...common,
      path: '/healthz',
      summary: 'Say whether everything is well: ready, and the journal can be written',
      handle: ({ caller }) => answer(caller, () => true),
    }),
    declare({
      ...common,
      path: '/metrics',
      role: 'viewer',
      response: z.string(),
      summary: 'Show metrics in the Prometheus text format; on this machine without a token',
      handle: async () => ({
        body: await parts.metrics.text(),
        headers: { 'content-type': parts.metrics.contentType },
      }),
    }),
  ]
}

function declare(declared: Route & Guarded): Route & Guarded {
  return { ...route(declared), observes: true }
}

function createChecks({ journal, clock, stopping }: HealthParts): () => Promise<readonly Check[]> {
  let last: { at: Ms; checks: Promise<readonly Check[]> } | undefined

  async function canRead(): Promise<Check> {
    const deadline = createDeadline(clock, headBound, undefined, 'the journal was asked for its head')
    try {
      await deadline.within(journal.head())
      return { name: 'journal-read', ok: true }
    } catch (thrown) {
      return { name: 'journal-read', ok: false, detail: messageOf(thrown) }
    } finally {
      deadline.end()
    }
  }

  function canWrite(): Check {
    const condition = journal.condition()
    if (condition.is === 'ok') return { name: 'journal-write', ok: true }
    return { name: 'journal-write', ok: false, detail: condition.why }
  }

  async function look(): Promise<readonly Check[]> {
    const read = await canRead()
    const running: Check = stopping.aborted
      ? { name: 'running', ok: false, detail: 'the server stops' }
      : { name: 'running', ok: true }
    return [running, read, canWrite()]
  }

  return () => {
    const now = clock.monotonic()
    if (last === undefined || stopping.aborted || now - last.at >= keptFor) last = { at: now, checks: look() }
    return last.checks
  }
}
