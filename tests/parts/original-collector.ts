/**
 * The collector of before, as informers meet it: single posts alone, 405 where a batch goes, 404 where a snapshot
 * goes, and a redirect that turns a post with two slashes into a GET. From observed facts; with
 * MACHINERY_STATUS_COLLECTOR set to the path of the original program, that runs instead.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { freePorts } from './ports.ts'

export interface OriginalCollector extends AsyncDisposable {
  readonly url: string
  /** claimRef → statusMessage of a cluster, as it would answer. */
  statuses(cluster: string): Promise<Readonly<Record<string, string>>>
  /** Posts that it took; null: nobody counted. */
  posts(): number | null
}

interface Entry {
  readonly cluster: string
  readonly claimRef: string
  readonly statusMessage: string
}

/** `port` 0: any. */
export function startOriginalCollector(port = 0): Promise<OriginalCollector> {
  const program = process.env['MACHINERY_STATUS_COLLECTOR']
  return program ? startReal(program, port) : startFake(port)
}

async function statusesAt(url: string, cluster: string): Promise<Readonly<Record<string, string>>> {
  const answer = await fetch(`${url}/api/v1/status/${encodeURIComponent(cluster)}`)
  const entries = (await answer.json()) as readonly Entry[]
  const pairs = entries.map(({ claimRef, statusMessage }) => [claimRef, statusMessage] as const)
  return Object.fromEntries(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

async function startReal(program: string, wanted: number): Promise<OriginalCollector> {
  const port = wanted || (await freePorts(1))[0]
  const env = {
    GITHUB_TOKEN: 'none',
    REGISTRY_REPO_OWNER: 'o',
    REGISTRY_REPO_NAME: 'r',
    REGISTRY_FILE_PATH: 'f',
    COLLECTOR_PORT: String(port),
    // It never gets as far as asking its forge.
    COLLECTOR_RECONCILE_INTERVAL: '1h',
  }
  const child = spawn(program, ['server'], { env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const until = performance.now() + 30_000
  while (
    !(await fetch(`${url}/healthz`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (performance.now() > until) throw new Error('the original collector did not start in 30 s')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    posts: () => null,
    statuses: (cluster) => statusesAt(url, cluster),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function startFake(port: number): Promise<OriginalCollector> {
  const entries = new Map<string, Entry>()
  let posts = 0
  const server = createServer((request, response) => {
    void answer(entries, request).then(({ status, body = '', headers }) => {
      if (status === 201) posts += 1
      const type = status === 200 || status === 201 ? 'application/json' : 'text/plain; charset=utf-8'
      response.writeHead(status, { 'content-type': type, ...headers }).end(body)
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    posts: () => posts,
    statuses: (cluster) => statusesAt(url, cluster),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

interface Answer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

async function answer(entries: Map<string, Entry>, request: IncomingMessage): Promise<Answer> {
  const { method, url = '' } = request
  const body = await text(request)
  const path = url.split('?', 1)[0]!
  if (path.includes('//')) return { status: 301, headers: { location: path.replaceAll(/\/+/g, '/') } }
  const json = (status: number, value: unknown) => ({ status, body: `${JSON.stringify(value)}\n` })
  const [, collection, cluster] = /^(\/api\/v1\/status)(?:\/([^/]+))?$/.exec(path) ?? []
  if (collection === undefined) return { status: 404, body: '404 page not found\n' }
  const reading = method === 'GET' || method === 'HEAD'
  if (!reading && (method !== 'POST' || cluster !== undefined)) {
    const allow = cluster === undefined ? 'GET, HEAD, POST' : 'GET, HEAD'
    return { status: 405, body: 'Method Not Allowed\n', headers: { allow } }
  }
  if (reading) {
    const wanted = cluster === undefined ? null : decodeURIComponent(cluster)
    return json(
      200,
      [...entries.values()].filter((entry) => wanted === null || entry.cluster === wanted),
    )
  }
  let posted: Partial<Entry>
  try {
    posted = JSON.parse(body) as Partial<Entry>
  } catch {
    return { status: 400, body: '{"error":"invalid JSON"}\n' }
  }
  const { cluster: of, claimRef, statusMessage } = posted
  if (!of || !claimRef || !statusMessage) {
    return { status: 400, body: '{"error":"cluster, claimRef, and statusMessage are required"}\n' }
  }
  entries.set(`${of}/${claimRef}`, { cluster: of, claimRef, statusMessage })
  return json(201, { status: 'created' })
}
