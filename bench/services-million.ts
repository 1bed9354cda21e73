/** A registry of a million services as a whole: reporting steadily, started anew, listed. */
import { readFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runLoad } from './parts/processes.ts'
import { groundOf, type GroundServer } from './parts/services-ground.ts'
import type { Steady, SteadyResult } from './parts/services-steady.ts'
import { memberOf } from './parts/services-fleet.ts'
import type { Benches } from './report.ts'

const megabyte = 1_000_000

function residentBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)![1]) * 1024
}

interface Watched {
  readonly rss: number
  readonly flushLag: number
}

/** The worst of what is asked for each second until `done`. */
async function watch(server: GroundServer, done: Promise<unknown>): Promise<Watched> {
  let [rss, flushLag, over] = [0, 0, false]
  const end = done.finally(() => (over = true))
  while (!over) {
    rss = Math.max(rss, residentBytes(server.serving.pid))
    const text = await (await server.ask('/metrics')).text()
    flushLag = Math.max(flushLag, Number(/^service_registry_flush_lag_seconds ([\d.e+-]+)/m.exec(text)?.[1] ?? NaN))
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 1000))])
  }
  return { rss, flushLag }
}

async function loopDelay(server: GroundServer, file: string): Promise<{ p99: number; max: number }> {
  await rm(file, { force: true })
  process.kill(server.serving.pid, 'SIGUSR2')
  for (let tries = 0; tries < 200; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('}')) return JSON.parse(text) as { p99: number; max: number }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the server does not tell the delay of its loop')
}

async function stats(server: GroundServer): Promise<{ late: number; inactive: number }> {
  const text = await (await server.ask('/metrics')).text()
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((all, [, value]) => all + Number(value), 0)
  return {
    late: sum(/^service_registry_late\{[^}]*\} (\d+)/gm),
    inactive: sum(/^service_registry_total\{[^}]*status="inactive"[^}]*\} (\d+)/gm),
  }
}

/** A tenth of a tenth would show nothing of what is promised about a million. */
const sizeOf = (long: boolean) => (long ? 1_000_000 : 100_000)

export const benches: Benches = {
  'services.steady-1m': async (report, { long }) => {
    const services = sizeOf(long)
    const perSecond = Math.ceil(services / 30)
    const delayFile = join('/tmp', `regista-loop-delay-${process.pid}.json`)
    const preload = join(import.meta.dirname, 'parts', 'loop-delay.ts')
    const env = { NODE_OPTIONS: `--import ${preload}`, LOOP_DELAY_FILE: delayFile }
    await using server = await (await groundOf(services)).serve({ env })
    const steady: Steady = {
      port: server.port,
      token: server.token,
      services,
      connections: 256,
      perSecond,
      watchers: 200,
      ms: long ? 300_000 : 20_000,
    }
    const load = runLoad<SteadyResult>('services-steady.ts', steady)
    await new Promise((resolve) => setTimeout(resolve, 5000))
    // The start is no steady state.
    await loopDelay(server, delayFile)
    const seen = await watch(server, load)
    const result = await load
    const delay = await loopDelay(server, delayFile)
    await rm(delayFile, { force: true })
    if (result.failed > 0 || result.watching < steady.watchers) throw new Error(JSON.stringify(result))
    const held = (result.answered / steady.ms) * 1000
    const note = `${services} services, ${steady.watchers} watchers, ${steady.ms / 1000} s; ${steady.connections} connections`
    report({ value: held, unit: 'heartbeats/s', limit: { atLeast: perSecond * 0.99 }, note })
    report({ figure: 'loop-delay-p99', value: delay.p99, unit: 'ms', limit: { atMost: 50 } })
    report({ figure: 'loop-delay-max', value: delay.max, unit: 'ms' })
    report({ figure: 'answer-p99', value: result.p99, unit: 'ms' })
    report({ figure: 'flush-lag', value: seen.flushLag, unit: 's', limit: { atMost: 3 } })
    report({ figure: 'rss', value: seen.rss / megabyte, unit: 'MB', limit: { atMost: 700 } })
  },
  'services.restart-1m': async (report, { long }) => {
    const services = sizeOf(long)
    const ground = await groundOf(services)
    await using server = await ground.serve()
    const before = await stats(server)
    await server.serving.stop('SIGKILL')
    const again = await server.again()
    try {
      const note = `${services} services, after kill -9`
      report({ value: again.startMs / 1000, unit: 's', limit: { atMost: 5 }, note })
      await new Promise((resolve) => setTimeout(resolve, 10_000))
      const { late, inactive } = await stats(again)
      const turned = late + inactive - before.inactive
      report({
        figure: 'turned',
        value: turned,
        unit: 'services',
        limit: { atMost: 0 },
        note: 'late or inactive, 10 s later',
      })
    } finally {
      await again.serving.stop('SIGKILL')
    }
  },
  'services.list-1m': async (report, { long }) => {
    const services = sizeOf(long)
    await using server = await (await groundOf(services)).serve()
    const some = memberOf(4200)
    const asked: Readonly<Record<string, string>> = {
      'list': 'checkers?limit=50',
      'status': 'checkers?status=active&limit=50',
      'nobody': 'agents?status=revoked&limit=50',
      'id-prefix': `pollers?q=${some.id.slice(0, 10)}&limit=50`,
      'metadata-rare': 'checkers?q=site-42&limit=50',
      'metadata-common': 'checkers?q=1.4&limit=50',
      'nothing-found': 'checkers?q=zzzz&limit=50',
      'of-poller': `checkers?poller=${some.id}&limit=50`,
      'tree': 'tree?limit=50',
    }
    const rounds = long ? 200 : 50
    let worst = 0
    for (const [figure, path] of Object.entries(asked)) {
      const times: number[] = []
      for (let round = 0; round < rounds; round += 1) {
        const began = performance.now()
        const answer = await server.ask(`/api/admin/services/${path}`)
        const text = await answer.text()
        times.push(performance.now() - began)
        if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 200)}`)
      }
      times.sort((a, b) => a - b)
      const p99 = times[Math.floor(times.length * 0.99)]!
      worst = Math.max(worst, p99)
      report({ figure, value: p99, unit: 'ms', note: path })
    }
    report({
      value: worst,
      unit: 'ms',
      limit: { atMost: 100 },
      note: `p99 of the worst, ${services} services, first pages`,
    })
  },
}
