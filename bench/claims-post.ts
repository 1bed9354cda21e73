/**
 * Statuses of claims over HTTP, durable before they are answered, on SQLite: single posts as informers of the original
 * send them against a bare node:http server that parses the same JSON and keeps nothing, and batches of 100.
 * No pass of the loop runs meanwhile.
 */
import type { ClaimsLoad } from './parts/claims-load.ts'
import { measureLoad, middle } from './parts/processes.ts'
import type { HttpResult } from './parts/socket-load.ts'
import type { Benches } from './report.ts'

type Which = 'bare' | 'drop-in' | 'serve'

export const benches: Benches = {
  'claims.post-single': async (report, { long }) => {
    const load = { connections: 128, batch: 1, changing: true, ms: long ? 4000 : 1500 } as const
    // Turn about, so that all meet the same noise; the middle of each is what counts.
    const rounds = long ? 5 : 2
    const results: Record<Which, HttpResult[]> = { 'bare': [], 'drop-in': [], 'serve': [] }
    for (let round = 0; round < rounds; round += 1) {
      for (const which of ['bare', 'drop-in', 'serve'] as const) results[which].push(await measure(which, load))
    }
    const rate = (which: Which) => middle(results[which].map(({ perSecond }) => perSecond))
    const p99 = (which: Which) => middle(results[which].map((result) => result.p99))
    const note = 'machinery-status-collector server, 128 connections, SQLite with synchronous=FULL'
    const limit = { of: 'ratio', atLeast: 0.6 } as const
    report({ value: rate('drop-in'), unit: 'statuses/s', baseline: rate('bare'), limit, note })
    report({ figure: 'p99', value: p99('drop-in'), unit: 'ms', baseline: p99('bare'), limit: { atMost: 50 } })
    report({ figure: 'serve', value: rate('serve'), unit: 'statuses/s', baseline: rate('bare'), note: 'regista serve' })
    report({ figure: 'serve-p99', value: p99('serve'), unit: 'ms', baseline: p99('bare'), limit: { atMost: 50 } })
  },
  'claims.post-batch-100': async (report, { long }) => {
    const load = { connections: 8, batch: 100, changing: true, ms: long ? 5000 : 2000 } as const
    const { perSecond, p99 } = await measure('serve', load)
    const limit = { atLeast: 30_000 }
    report({ value: perSecond * 100, unit: 'statuses/s', limit, note: 'all changed, an event each; 8 connections' })
    report({ figure: 'p99', value: p99, unit: 'ms' })
  },
  'claims.post-batch-100.unchanged': async (report, { long }) => {
    const load = { connections: 8, batch: 100, changing: false, ms: long ? 5000 : 2000 } as const
    const { perSecond, p99 } = await measure('serve', load)
    report({ value: perSecond * 100, unit: 'statuses/s', limit: { atLeast: 200_000 }, note: '8 connections' })
    report({ figure: 'p99', value: p99, unit: 'ms' })
  },
}

async function measure(which: Which, more: Omit<ClaimsLoad, 'port' | 'warmUpMs'>): Promise<HttpResult> {
  const result = await measureLoad({
    server: 'claims-server.ts',
    of: (folder) => [which, folder],
    load: 'claims-load.ts',
    asking: (port): ClaimsLoad => ({ port, warmUpMs: 2000, ...more }),
  })
  if (result.failed > 0) throw new Error(`${result.failed} requests to ${which} failed`)
  return result
}
