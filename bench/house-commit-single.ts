/**
 * Durable single facts with their event over HTTP, 128 connections: `PUT /api/v1/kv/<key>` of the real
 * server on SQLite, against a bare node:http server that parses the same JSON and keeps nothing.
 */
import type { HttpLoad } from './parts/http-load.ts'
import { measureLoad, middle } from './parts/processes.ts'
import type { HttpResult } from './parts/socket-load.ts'
import type { Benches } from './report.ts'

const connections = 128
const valueBytes = 100

export const benches: Benches = {
  'house.commit-single': async (report, { long }) => {
    // Turn about, so that both meet the same noise; the middle of each is what counts.
    const rounds = long ? 5 : 2
    const ms = long ? 4000 : 1500
    const bare: HttpResult[] = []
    const ours: HttpResult[] = []
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await measure('bare', 0, ms))
      ours.push(await measure('regista', 0, ms))
    }
    const slow = await measure('regista', 5, ms)
    const perSecond = (results: readonly HttpResult[]) => middle(results.map((result) => result.perSecond))
    const failed = [...bare, ...ours, slow].reduce((sum, result) => sum + result.failed, 0)
    if (failed > 0) throw new Error(`${failed} requests failed`)
    report({
      value: perSecond(ours),
      unit: 'facts/s',
      baseline: perSecond(bare),
      limit: { of: 'ratio', atLeast: 0.6 },
      note: `${connections} connections, ${valueBytes} bytes each, SQLite with synchronous=FULL`,
    })
    const p99 = (results: readonly HttpResult[]) => middle(results.map((result) => result.p99))
    report({ figure: 'p99', value: p99(ours), unit: 'ms', baseline: p99(bare), limit: { atMost: 25 } })
    report({
      figure: 'p99-slow-disk',
      value: slow.p99,
      unit: 'ms',
      limit: { atMost: 60 },
      note: `5 ms added to each commit; ${Math.round(slow.perSecond)} facts/s`,
    })
  },
}

function measure(which: 'bare' | 'regista', commitDelay: number, ms: number): Promise<HttpResult> {
  return measureLoad({
    server: 'commit-server.ts',
    of: (folder) => [which, folder, String(commitDelay)],
    load: 'http-load.ts',
    asking: (port): HttpLoad => ({ port, path: '/api/v1/kv/bench', connections, warmUpMs: 1000, ms, valueBytes }),
  })
}
