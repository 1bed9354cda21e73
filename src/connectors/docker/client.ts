/** The part of the Docker Engine API that a deploy needs. Podman's service speaks it, too. */
import { z } from 'zod'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { readContainer, readList, type EngineContainer, type ListedContainer } from './container.ts'
import { engineError, whyOf } from './errors.ts'
import { readOutput } from './output.ts'
import { pullError, readPull, registryAuth, type Progress, type PullRequest } from './pull.ts'
import { createSender, type EngineAddress, type Request, type Sender } from './send.ts'
import type { Spoken } from './version.ts'

export type { EngineContainer, ListedContainer } from './container.ts'
export type { EngineAddress } from './send.ts'

/** Ids and names of containers are the same to it. Everything rejects with an AppError (errors.ts). */
export interface DockerEngine {
  /** For people. */
  readonly where: string
  version(signal: AbortSignal): Promise<Spoken>
  /** Another engine, or the same one wiped, has another. */
  identity(signal: AbortSignal): Promise<string>
  /** `target.refused`: there is no such image, or none for this platform. */
  pull(ask: PullRequest & { readonly timeout: Ms }, progress: Progress, signal: AbortSignal): Promise<void>
  /** null: it is not there. `digests`: `repository@sha256:…`. */
  image(reference: string, signal: AbortSignal): Promise<EngineImage | null>
  /** Those with all of these labels, also those that do not run; a label without a value: whatever it is. */
  list(labels: Readonly<Record<string, string | null>>, signal: AbortSignal): Promise<readonly ListedContainer[]>
  container(id: string, signal: AbortSignal): Promise<EngineContainer | null>
  /** `target.conflict`: the name is taken. */
  create(name: string, spec: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<string>
  /** false: it runs already. */
  start(id: string, signal: AbortSignal): Promise<boolean>
  /** false: it has been stopped already. Killed after `patience`. */
  stop(id: string, patience: Ms, signal: AbortSignal): Promise<boolean>
  kill(id: string, signal: AbortSignal): Promise<void>
  /** Its exit code, once it has ended. */
  wait(id: string, timeout: Ms, signal: AbortSignal): Promise<number>
  /** `target.conflict`: the name is taken. */
  rename(id: string, name: string, signal: AbortSignal): Promise<void>
  /** Also where it runs, with its anonymous volumes. One that is not there is as good as removed. */
  remove(id: string, signal: AbortSignal): Promise<void>
  /** The end of what it wrote. */
  logs(id: string, lines: number, signal: AbortSignal): Promise<string>
  /** Runs a command in it. What takes longer than `timeout` is not waited for, and goes on. */
  exec(id: string, argv: readonly string[], timeout: Ms, signal: AbortSignal): Promise<Executed>
  connect(network: string, id: string, aliases: readonly string[], signal: AbortSignal): Promise<void>
  /** One that is not connected is as good as disconnected. */
  disconnect(network: string, id: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface EngineImage {
  readonly id: string
  readonly digests: readonly string[]
}

export interface Executed {
  readonly code: number
  readonly output: string
}

/** Bytes of output that are kept. */
const mostOutput = 64 << 10

const id = (text: string) => encodeURIComponent(text)
const made = z.object({ Id: z.string().min(1) })
const ended = z.object({ StatusCode: z.number() })
const ran = z.object({ ExitCode: z.number().nullish(), Running: z.boolean().nullish() })
const inspectedImage = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() })
const info = z.object({ ID: z.string().nullish(), Name: z.string().nullish(), DockerRootDir: z.string().nullish() })

export function createDockerEngine(parts: { readonly address: EngineAddress; readonly clock: Clock }): DockerEngine {
  const { clock } = parts
  const sender = createSender(parts)

  async function read<T>(request: Request, shape: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const { body } = await sender.json(request, signal)
    const found = shape.safeParse(body)
    if (found.success) return found.data
    throw engineError(sender.asked(request), 'malformed', 'an answer of another shape', { cause: found.error })
  }
  const post = (path: string, more: Omit<Request, 'method' | 'path'> = {}): Request => ({
    method: 'POST',
    path,
    ...more,
  })
  const get = (path: string, query?: Request['query']): Request => ({ method: 'GET', path, ...(query && { query }) })

  return {
    where: sender.where,
    version: (signal) => sender.version(signal),
    async identity(signal) {
      const [{ engine }, told] = [await sender.version(signal), await read(get('/info'), info, signal)]
      // Podman makes up a new id for each answer.
      const name = engine === 'docker' && told.ID ? told.ID : `${told.Name ?? ''}:${told.DockerRootDir ?? ''}`
      return `${engine}:${name}`
    },
    pull: (ask, progress, signal) => pull(sender, ask, progress, signal),
    async image(reference, signal) {
      const request = get(`/images/${reference.split('/').map(id).join('/')}/json`)
      const body = await sender.find(request, signal)
      if (body === null) return null
      const found = inspectedImage.safeParse(body)
      if (!found.success) throw engineError(sender.asked(request), 'malformed', 'an answer that describes no image')
      return { id: found.data.Id, digests: found.data.RepoDigests ?? [] }
    },
    async list(labels, signal) {
      const label = Object.entries(labels).map(([name, value]) => (value === null ? name : `${name}=${value}`))
      const request = get('/containers/json', { all: '1', filters: JSON.stringify({ label }) })
      return readList(sender.asked(request), (await sender.json(request, signal)).body)
    },
    async container(name, signal) {
      const request = get(`/containers/${id(name)}/json`)
      const body = await sender.find(request, signal)
      return body === null ? null : readContainer(sender.asked(request), body)
    },
    async create(name, spec, signal) {
      return (await read(post('/containers/create', { query: { name }, body: spec }), made, signal)).Id
    },
    start: async (name, signal) => (await sender.json(post(`/containers/${id(name)}/start`), signal)).status !== 304,
    async stop(name, patience, signal) {
      const query = { t: String(Math.ceil(patience / 1000)) }
      const timeout = patience + 60_000
      return (await sender.json(post(`/containers/${id(name)}/stop`, { query, timeout }), signal)).status !== 304
    },
    async kill(name, signal) {
      await sender.json(post(`/containers/${id(name)}/kill`), signal)
    },
    async wait(name, timeout, signal) {
      return (await read(post(`/containers/${id(name)}/wait`, { timeout }), ended, signal)).StatusCode
    },
    async rename(name, to, signal) {
      await sender.json(post(`/containers/${id(name)}/rename`, { query: { name: to } }), signal)
    },
    remove: (name, signal) => remove(sender, clock, name, signal),
    logs(name, lines, signal) {
      const query = { stdout: '1', stderr: '1', tail: String(lines) }
      return sender.stream(
        get(`/containers/${id(name)}/logs`, query),
        (chunks) => readOutput(chunks, mostOutput),
        signal,
      )
    },
    async exec(name, argv, timeout, signal) {
      const body = { AttachStdout: true, AttachStderr: true, Cmd: argv }
      const { Id } = await read(post(`/containers/${id(name)}/exec`, { body }), made, signal)
      const start = post(`/exec/${id(Id)}/start`, { body: { Detach: false, Tty: false }, timeout })
      const output = await sender.stream(start, (chunks) => readOutput(chunks, mostOutput), signal)
      const { ExitCode } = await read(get(`/exec/${id(Id)}/json`), ran, signal)
      return { code: ExitCode ?? -1, output }
    },
    async connect(network, container, aliases, signal) {
      const body = { Container: container, EndpointConfig: { Aliases: aliases } }
      await sender.json(post(`/networks/${id(network)}/connect`, { body }), signal)
    },
    async disconnect(network, container, signal) {
      const body = { Container: container, Force: true }
      await gone(() => sender.json(post(`/networks/${id(network)}/disconnect`, { body }), signal))
    },
    close: () => sender.close(),
  }
}

async function pull(sender: Sender, ask: PullRequest & { timeout: Ms }, progress: Progress, signal: AbortSignal) {
  const request: Request = {
    method: 'POST',
    path: '/images/create',
    query: { fromImage: ask.repository, tag: ask.digest, platform: ask.platform ?? undefined },
    headers: registryAuth(ask),
    timeout: ask.timeout,
  }
  const asked = sender.asked(request)
  try {
    await sender.stream(request, (chunks) => readPull(asked, chunks, progress), signal)
  } catch (thrown) {
    // Docker refuses with a status where it knows at once, else within the answer.
    if (!(thrown instanceof AppError) || typeof thrown.data['status'] !== 'number') throw withoutEffect(thrown)
    throw pullError(asked, thrown.detail.slice(thrown.detail.indexOf('/images/create: ') + 16), thrown)
  }
}

function withoutEffect(thrown: unknown): unknown {
  if (!(thrown instanceof AppError) || whyOf(thrown) === null) return thrown
  return new AppError(thrown.code, thrown.detail, { cause: thrown, data: { ...thrown.data, effect: 'none' } })
}

/** Podman cannot remove what it starts again at this moment, Docker what it is removing already. */
const [removeTries, removePause]: readonly [number, Ms] = [20, 100]

async function remove(sender: Sender, clock: Clock, name: string, signal: AbortSignal): Promise<void> {
  const request: Request = { method: 'DELETE', path: `/containers/${id(name)}`, query: { force: '1', v: '1' } }
  for (let tries = 1; ; tries += 1) {
    try {
      return await gone(() => sender.json(request, signal))
    } catch (thrown) {
      if (whyOf(thrown) !== 'conflict' || tries >= removeTries) throw thrown
    }
    await clock.sleep(removePause, signal)
  }
}

async function gone(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    if (whyOf(thrown) !== 'not-found') throw thrown
  }
}
