/** What the informer answers over HTTP, where it was given a port: whether kinds can be watched, and the collector reached. */
import type { Journal } from '../../../engine/journal.ts'
import { scopes, targets } from '../../../engine/tables.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import type { ClusterSource } from '../../../registries/claims/drop-in.ts'
import { listen, type Answer, type Listening } from '../modules-watcher/http.ts'
import { listenTrouble } from './listen.ts'
import type { Log } from './log.ts'

export interface HealthOptions {
  readonly port: number
  readonly journal: Journal
  readonly sync: string
  readonly source: ClusterSource
  readonly metrics: Metrics
  readonly log: Log
}

export interface Health {
  readonly ready: boolean
  /** Each kind, and each scope above kinds: `kind/GROUP/PLURAL`. */
  readonly kinds: readonly Part[]
  readonly collector: Part
}

interface Part {
  readonly name: string
  readonly state: 'unknown' | 'ok' | 'unavailable'
  /** `kind-missing`, `kind-forbidden`, … */
  readonly why?: string
  readonly detail?: string
}

/** Rejects where nobody can listen there. */
export async function openHealth(options: HealthOptions): Promise<Listening> {
  const { port, metrics, log } = options
  const well = { any: true, answer: (): Answer => ({ type: 'text/plain; charset=utf-8', text: 'ok\n' }) } as const
  const pages = {
    '/livez': well,
    '/healthz': well,
    '/readyz': { answer: async () => ready(await readHealth(options)) },
    '/metrics': { answer: async () => ({ type: metrics.contentType, text: await metrics.text() }) },
  }
  let listening: Listening
  try {
    listening = await listen({ host: null, port }, pages)
  } catch (thrown) {
    throw new Error(`health port: ${listenTrouble(thrown, null, port)}`, { cause: thrown })
  }
  log.tell('INFO', 'health port', { address: listening.address })
  return listening
}

function ready(health: Health): Answer {
  const text = `${JSON.stringify(health, null, 2)}\n`
  return { status: health.ready ? 200 : 503, type: 'application/json', text }
}

async function readHealth({ journal, sync, source }: HealthOptions): Promise<Health> {
  const [seen, [collector]] = await Promise.all([
    journal.select(scopes, { where: { sync } }),
    journal.select(targets, { where: { sync } }),
  ])
  const now = new Map(source.health().map(({ scope, why }) => [scope, why]))
  const kinds = seen
    .filter(({ state }) => state !== 'gone')
    .map((row): Part => {
      const why = now.get(row.scope)
      if (row.state === 'unavailable') return partOf(row.scope, row.state, row.why, why?.detail ?? row.detail)
      return why ? partOf(row.scope, 'unavailable', null, why.detail) : partOf(row.scope, row.state, null, null)
    })
  const told = partOf(collector?.target ?? 'collector', collector?.state ?? 'unknown', null, collector?.detail ?? null)
  const ok = kinds.length > 0 && [...kinds, told].every(({ state }) => state === 'ok')
  return { ready: ok, kinds, collector: told }
}

function partOf(name: string, state: string, why: string | null, detail: string | null): Part {
  const known = state === 'ok' || state === 'unavailable' ? state : 'unknown'
  if (known !== 'unavailable') return { name, state: known }
  return { name, state: known, ...(why !== null && { why }), ...(detail !== null && { detail }) }
}
