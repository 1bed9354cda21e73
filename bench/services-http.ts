/**
 * Heartbeats, look-ups and registrations at a real `regista serve`, against a bare node:http server that parses the
 * same JSON, in the same run. Tokens are asked for, the disk is synced, and no two heartbeats or registrations are alike.
 */
import { middle, runLoad, startServer } from './parts/processes.ts'
import { groundOf } from './parts/services-ground.ts'
import type { ServicesLoad } from './parts/services-load.ts'
import type { HttpResult } from './parts/socket-load.ts'
import type { Benches, Limit, Report } from './report.ts'

type Ask = Pick<ServicesLoad, 'what' | 'connections'> & Partial<ServicesLoad>

interface Measured {
  readonly perSecond: number
  readonly p99: number
}

/** Turn about, so that both meet the same noise; the middle of each is what counts. */
async function compare(services: number, ask: Ask, long: boolean): Promise<{ ours: Measured; bare: Measured }> {
  await using server = await (await groundOf(services)).serve()
  await using other = await startServer('services-bare.ts')
  const ours: HttpResult[] = []
  const bare: HttpResult[] = []
  for (let round = 0; round < (long ? 5 : 2); round += 1) {
    const load = { warmUpMs: 1000, ms: long ? 4000 : 1500, services, token: server.token, ...ask }
    // Numbers that no other round registers.
    const from = 10_000_000 * (round + 1)
    bare.push(await measure('bare', { ...load, from, port: other.port }))
    ours.push(await measure('regista', { ...load, from, port: server.port }))
  }
  return { ours: middleOf(ours), bare: middleOf(bare) }
}

async function measure(which: string, load: ServicesLoad): Promise<HttpResult> {
  const result = await runLoad('services-load.ts', load)
  if (result.failed > 0) throw new Error(`${result.failed} requests to ${which} failed`)
  return result
}

function middleOf(results: readonly HttpResult[]): Measured {
  return {
    perSecond: middle(results.map(({ perSecond }) => perSecond)),
    p99: middle(results.map(({ p99 }) => p99)),
  }
}

/** Of the promise; the short form shows the ratio on a fiftieth. */
const sizeOf = (long: boolean) => (long ? 1_000_000 : 20_000)
const ratio = (atLeast: number): Limit => ({ of: 'ratio', atLeast })

function tellRate(report: Report, { ours, bare }: Awaited<ReturnType<typeof compare>>, limit: Limit, what: Told): void {
  const { unit, items = 1, note } = what
  report({ value: ours.perSecond * items, unit, baseline: bare.perSecond * items, limit, note })
  report({ figure: 'p99', value: ours.p99, unit: 'ms', baseline: bare.p99, ...(what.p99 && { limit: what.p99 }) })
}

interface Told {
  readonly unit: string
  /** Of one request. */
  readonly items?: number
  readonly note: string
  readonly p99?: Limit
}

export const benches: Benches = {
  'services.beat-single': async (report, { long }) => {
    const services = sizeOf(long)
    const pair = await compare(services, { what: 'beat', connections: 128 }, long)
    tellRate(report, pair, ratio(0.7), { unit: 'heartbeats/s', note: `128 connections, ${services} services` })
  },
  'services.beat-batch-100': async (report, { long }) => {
    const services = sizeOf(long)
    const pair = await compare(services, { what: 'batch', batch: 100, connections: 16 }, long)
    const note = `16 connections, ${services} services`
    tellRate(report, pair, ratio(0.3), { unit: 'heartbeats/s', items: 100, note })
    report({
      figure: 'rate',
      value: pair.ours.perSecond * 100,
      unit: 'heartbeats/s',
      limit: { atLeast: 400_000 },
    })
  },
  'services.register-single': async (report, { long }) => {
    const services = sizeOf(long)
    const pair = await compare(services, { what: 'register', connections: 128 }, long)
    const note = `128 connections, into ${services} services, an event each, SQLite with synchronous=FULL`
    tellRate(report, pair, ratio(0.5), { unit: 'registrations/s', note, p99: { atMost: 30 } })
  },
  'services.register-batch-100': async (report, { long }) => {
    const ask = { what: 'register-batch', batch: 100, connections: 16 } as const
    const into = await compare(sizeOf(long), ask, long)
    report({
      value: into.ours.perSecond * 100,
      unit: 'registrations/s',
      baseline: into.bare.perSecond * 100,
      limit: { atLeast: 15_000 },
      note: `16 connections, random ids into ${sizeOf(long)}, an event each`,
    })
    report({ figure: 'p99', value: into.ours.p99, unit: 'ms' })
    const { ours } = await compare(0, ask, long)
    const limit = { atLeast: 100_000 }
    report({ figure: 'empty', value: ours.perSecond * 100, unit: 'registrations/s', limit, note: 'into nothing' })
  },
  'services.known-http': async (report, { long }) => {
    const services = sizeOf(long)
    const pair = await compare(services, { what: 'known', connections: 128 }, long)
    tellRate(report, pair, ratio(0.8), { unit: 'look-ups/s', note: `128 connections, ${services} services` })
  },
}
