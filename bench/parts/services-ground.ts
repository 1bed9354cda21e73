/** `regista serve` with a registry of many services, as benches and proofs need it: made once, copied for each row. */
import { rmSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveRegista, type Serving } from '../../tests/parts/regista.ts'
import { memberOf, registrationOf } from './services-fleet.ts'

export interface Ground {
  /** Copies the state and starts a server on it. */
  serve(options?: GroundOptions): Promise<GroundServer>
}

export interface GroundOptions {
  readonly env?: Readonly<Record<string, string>>
}

export interface GroundServer extends AsyncDisposable {
  readonly folder: string
  readonly serving: Serving
  readonly port: number
  /** May do everything. */
  readonly token: string
  /** From the start of the process until it said where it listens. */
  readonly startMs: number
  ask(path: string, body?: unknown): Promise<Response>
  /** The same state again, after the process has ended. */
  again(): Promise<GroundServer>
}

const config = `server: { port: 0, auth: tokens, limits: { rate: 100000000, burst: 100000000, connections: 8192, streams: 1024, body: 16777216 } }
log: { level: warn }
services: { implicit: { policy: deny } }
`

/** A million services take a minute to register: rows of one run share them. */
const made = new Map<number, Promise<Ground>>()

/** So many services, each of which has reported once. Removed when this process ends. */
export function groundOf(services: number): Promise<Ground> {
  const known = made.get(services) ?? createGround(services)
  made.set(services, known)
  return known
}

async function createGround(services: number): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'regista-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'regista.yaml'), config)
  if (services > 0) await populate(folder, services)
  else await (await serveIn(folder)).serving.stop()
  return {
    async serve(options = {}) {
      const copy = await mkdtemp(join(tmpdir(), 'regista-bench-'))
      await cp(folder, copy, { recursive: true })
      return serveIn(copy, options)
    },
  }
}

async function serveIn(folder: string, options: GroundOptions = {}): Promise<GroundServer> {
  const began = performance.now()
  const serving = await serveRegista(['-c', 'regista.yaml'], { cwd: folder, bound: 120_000, env: options.env ?? {} })
  const startMs = performance.now() - began
  const token = (await readFile(join(folder, 'regista-state', 'first-token'), 'utf8')).trim()
  return {
    folder,
    serving,
    port: Number(new URL(serving.url).port),
    token,
    startMs,
    ask: (path, body) =>
      fetch(`${serving.url}${path}`, {
        headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    again: () => serveIn(folder, options),
    async [Symbol.asyncDispose]() {
      await serving.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const most = 1000

async function populate(folder: string, services: number): Promise<void> {
  const server = await serveIn(folder)
  const numbers = Array.from({ length: services }, (_, number) => number)
  // Parents first.
  for (const type of ['poller', 'agent', 'checker'] as const) {
    const members = numbers.map(memberOf).filter((member) => member.type === type)
    await inParts(members, async (part) => {
      const answer = await server.ask(`/api/admin/services/${type}s`, `[${part.map(registrationOf).join(',')}]`)
      await expectOk(answer)
    })
  }
  await inParts(numbers, async (part) => {
    const beats = part.map(memberOf).map(({ type, id }) => ({ service_type: type, service_id: id }))
    await expectOk(await server.ask('/api/services/heartbeats', beats))
  })
  await server.serving.stop()
}

/** Four parts under way at once. */
async function inParts<T>(items: readonly T[], send: (part: readonly T[]) => Promise<void>): Promise<void> {
  let from = 0
  const lane = async () => {
    while (from < items.length) {
      const part = items.slice(from, from + most)
      from += most
      await send(part)
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])
}

async function expectOk(answer: Response): Promise<void> {
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 300)}`)
}
