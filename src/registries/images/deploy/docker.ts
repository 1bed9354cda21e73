/**
 * Runs a stage as a container of an engine. The new one is made and probed before the old one is stopped, or where
 * both would want the same port of the host right after; what does not become healthy is taken back. The old one is
 * kept, stopped.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createDockerEngine, type DockerEngine, type EngineAddress } from '../../../connectors/docker/client.ts'
import type { Http } from '../../../connectors/http/client.ts'
import type { SendWebhook } from '../../../connectors/webhook/send.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { digestOf, type Digest } from '../../../kernel/digest.ts'
import { AppError, asAppError, messageOf } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { StageKey } from '../model.ts'
import type { Deployer, DeployResult, DeployTools } from './deployer.ts'
import { bring, greenOf } from './docker-bring.ts'
import type { DockerSettings } from './docker-config.ts'
import { lookAt } from './docker-look.ts'
import { labels, namesOf } from './docker-names.ts'
import { ofStage, settle, settleCurrent, tidy, type Job } from './docker-steps.ts'
import { createTraffic } from './docker-traffic.ts'
import { createRedaction, redacted } from './redaction.ts'

export interface DockerParts {
  readonly clock: Clock
  /** Asks containers whether they are healthy. */
  readonly http: Pick<Http, 'request'>
  /** Tells of `switch`. */
  readonly webhook: SendWebhook
}

/** As the config says it. `base`: the folder that files of it are meant from. */
export async function openDockerDeployer(
  name: string,
  settings: DockerSettings,
  parts: DockerParts & { readonly base: string },
): Promise<Deployer> {
  const address = await addressOf(settings, parts.base)
  return createDockerDeployer(name, settings, createDockerEngine({ address, clock: parts.clock }), parts)
}

/** The engine is closed with it. */
export function createDockerDeployer(
  name: string,
  settings: DockerSettings,
  engine: DockerEngine,
  { clock, http, webhook }: DockerParts,
): Deployer {
  const fingerprint = digestOf({ container: settings.container, alias: settings.alias ?? null } as unknown as Json)
  const traffic = createTraffic({ engine, settings, webhook })
  const inTurn = createTurns()
  return {
    name,
    type: 'docker',
    fingerprint,
    repeat: 'keyed',
    abortable: true,
    bound: settings.timeout,
    identity: (signal) => engine.identity(signal),
    look: (stages, signal) => lookAt(engine, settings.container.name, stages, signal),
    async deploy(request, tools, signal) {
      const secrets = { ...settings.container.env, password: request.credential?.password ?? '' }
      const { whole: redact } = createRedaction(new Map(Object.entries(secrets)))
      const names = namesOf(settings.container.name, request.stage, request.effectId, fingerprint)
      const job: Job = { engine, clock, settings, traffic, names, request, tools: watched(tools) }
      try {
        return await inTurn(
          job.request.stage.key,
          () => deploy(job, { config: fingerprint, http, redact }, signal),
          signal,
        )
      } catch (thrown) {
        return failed(thrown, job, signal, redact)
      }
    },
    close: () => engine.close(),
  }
}

export interface Making {
  readonly config: Digest
  readonly http: DockerParts['http']
  readonly redact: (text: string) => string
}

async function deploy(job: Job, making: Making, signal: AbortSignal): Promise<DeployResult> {
  const { engine, names, request } = job
  const { key } = request.stage
  const current = await engine.container(names.current, signal)
  const holder = current?.labels[labels.stage]
  if (holder !== undefined && holder !== key) {
    const why = `the container ${names.current} is of ${holder}; give the deployer a name with {project} and {stage}`
    return { is: 'refused', why, until: 'target' }
  }
  if (current !== null) await settleCurrent(job, current, signal)
  const isMine = (of: Readonly<Record<string, string>>) =>
    of[labels.deploy] === request.effectId && of[labels.config] === making.config
  for (const { id, name, labels: of } of await ofStage(engine, key, signal)) {
    const role = names.roleOf(name)
    if ((role === 'new' || role === 'up') && !isMine(of)) await settle(job, id, signal)
  }
  const green = await greenOf(job, isMine, signal)
  if (green !== null && names.roleOf(green.name) === 'current' && green.running && !green.restarting) {
    return { is: 'deployed', ref: green.id.slice(0, 12), ...(await tidied(job, green, signal)) }
  }
  const brought = await bring(job, making, green, signal)
  if (brought.is !== 'up') return brought
  return { is: 'deployed', ref: brought.green.id.slice(0, 12), ...(await tidied(job, brought.green, signal)) }
}

/** What could not be removed now is with the next deploy. */
async function tidied(job: Job, green: Parameters<typeof tidy>[1], signal: AbortSignal): Promise<{ detail?: string }> {
  try {
    await tidy(job, green, signal)
    return {}
  } catch (thrown) {
    if (job.tools.lost()) throw thrown
    return { detail: `older containers are still there: ${messageOf(thrown)}` }
  }
}

/** One that was aborted puts things right before the next one begins. */
function createTurns() {
  const last = new Map<StageKey, Promise<unknown>>()
  return async <T>(key: StageKey, work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const before = last.get(key)
    const mine = (async () => {
      await before?.catch(() => {})
      if (signal.aborted) throw new AppError('aborted', `deploy of ${key}`, { cause: signal.reason })
      return work()
    })()
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

function watched(tools: DeployTools): Job['tools'] {
  let lost = false
  return {
    say: (step) => tools.say(step),
    lost: () => lost,
    fence() {
      lost = true
      tools.fence()
      lost = false
    },
  }
}

function failed(thrown: unknown, { tools }: Job, signal: AbortSignal, redact: (text: string) => string): DeployResult {
  if (tools.lost()) throw thrown
  const error = redacted(asAppError(thrown), redact)
  if (signal.aborted) throw error
  return { is: 'failed', error, effect: error.data['effect'] === 'none' ? 'none' : 'unknown' }
}

async function addressOf({ socket, host, tls }: DockerSettings, base: string): Promise<EngineAddress> {
  if (host === undefined) return { socket: resolve(base, socket ?? '/var/run/docker.sock') }
  const read = async (path: string | undefined, what: 'ca' | 'cert' | 'key') => {
    if (path === undefined) return {}
    try {
      return { [what]: await readFile(resolve(base, path), 'utf8') }
    } catch (cause) {
      throw new AppError('config.invalid', `${path} (tls.${what} of the engine) cannot be read; check the path`, {
        cause,
      })
    }
  }
  const texts = await Promise.all([read(tls?.ca, 'ca'), read(tls?.cert, 'cert'), read(tls?.key, 'key')])
  const secure = host.startsWith('https:') || tls !== undefined
  return { url: host.replace(/^[a-z]+:/, secure ? 'https:' : 'http:'), tls: Object.assign({}, ...texts) as object }
}
