/**
 * Durable single facts with their event over HTTP, 128 connections: `PUT /api/v1/kv/<key>` of the real
 * server on SQLite, against a bare node:http server that parses the same JSON and keeps nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HttpLoad, HttpResult } from './parts/http-load.ts'
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

async function measure(which: 'bare' | 'regista', commitDelay: number, ms: number): Promise<HttpResult> {
  const folder = await mkdtemp(join(tmpdir(), 'regista-bench-'))
  const server = start('parts/commit-server.ts', which, folder, String(commitDelay))
  try {
    const port = Number(await firstLine(server))
    const load: HttpLoad = { port, path: '/api/v1/kv/bench', connections, warmUpMs: 1000, ms, valueBytes }
    const client = start('parts/http-load.ts', JSON.stringify(load))
    return JSON.parse(await firstLine(client)) as HttpResult
  } finally {
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true })
  }
}

function start(file: string, ...parameters: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, file), ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const part of child.stdout!.setEncoding('utf8')) {
    text += part
    if (text.includes('\n') || text.endsWith('}')) return text.trim()
  }
  throw new Error('a process of the benchmark ended without an answer')
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
