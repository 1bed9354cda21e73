/** A deployer on an engine, and what tests ask of what it left there. */
import type { z } from 'zod'
import { createDockerEngine, type DockerEngine } from '../../../../connectors/docker/client.ts'
import type { EngineGround } from '../../../../connectors/docker/testing/grounds.ts'
import { createHttp } from '../../../../connectors/http/client.ts'
import type { SendWebhook } from '../../../../connectors/webhook/send.ts'
import { systemClock } from '../../../../kernel/clock.ts'
import type { MadeVersion } from '../../../../../tests/parts/versions.ts'
import type { Stage } from '../../model.ts'
import type { Deployer, DeployRequest, DeployTools } from '../deployer.ts'
import { dockerDeployer } from '../docker-config.ts'
import { labels } from '../docker-names.ts'
import { createDockerDeployer } from '../docker.ts'
import { stageFor } from './releases.ts'

export const stage: Stage = stageFor({ registry: 'local', deployer: 'here' })

/** Asked within the container: it needs no network that the machine would have to give. */
export const usual = {
  container: { network_mode: 'none', env: { TOKEN: 's3cr3t-value' } },
  probe: {
    exec: ['/bin/wget', '-q', '-O-', 'http://127.0.0.1:8080/'] as string[],
    interval: '50ms',
    successes: 2,
    within: '20s',
  },
  stop_timeout: '3s',
} as const

export type DockerSettingsGiven = z.input<typeof dockerDeployer>

export function requestFor(made: MadeVersion, of: Stage = stage, effectId = `effect-${made.digest}`): DeployRequest {
  return {
    stage: of,
    release: {
      project: of.project,
      stage: of.stage,
      registry: of.registry,
      repository: made.repository,
      tag: made.tag,
      digest: made.digest,
      revision: made.digest,
      at: null,
    },
    effectId,
    was: null,
    credential: null,
  }
}

export interface DockerGround extends AsyncDisposable {
  readonly settings: DockerSettingsGiven
  readonly deployer: Deployer
  readonly engine: DockerEngine
  /** Steps that were told of. */
  readonly steps: string[]
  deploy(made: MadeVersion, options?: DeployOptions): ReturnType<Deployer['deploy']>
  /** Name → what it is, of all containers of the stage. */
  containers(): Promise<Readonly<Record<string, Seen>>>
  /** The container that has the name, if it runs. */
  current(): Promise<Seen | null>
}

export interface DeployOptions {
  readonly signal?: AbortSignal
  readonly effectId?: string
  readonly tools?: Partial<DeployTools>
  readonly request?: Partial<DeployRequest>
}

export interface Seen {
  readonly id: string
  readonly running: boolean
  readonly tag: string | undefined
  readonly revision: string | undefined
}

export const noWebhook: SendWebhook = () => Promise.reject(new Error('no webhook is expected'))

export function dockerGround(
  { socket }: Pick<EngineGround, 'socket'>,
  settings: DockerSettingsGiven = usual,
  webhook: SendWebhook = noWebhook,
): DockerGround {
  const clock = systemClock
  const http = createHttp({ clock, userAgent: 'test' })
  const engine = createDockerEngine({ address: { socket }, clock })
  const own = createDockerEngine({ address: { socket }, clock })
  const deployer = createDockerDeployer('here', dockerDeployer.parse(settings), own, { clock, http, webhook })
  const steps: string[] = []
  const tools: DeployTools = { handle: null, say: (step) => void steps.push(step), fence: () => {} }
  const soon = () => AbortSignal.timeout(60_000)

  async function containers(): Promise<Record<string, Seen>> {
    const listed = await engine.list({ [labels.stage]: stage.key }, soon())
    return Object.fromEntries(
      listed.map(({ id, name, running, labels: of }) => {
        return [name, { id, running, tag: of[labels.tag], revision: of[labels.revision] }]
      }),
    )
  }

  return {
    settings,
    deployer,
    engine,
    steps,
    containers,
    deploy(made, options = {}) {
      const request = { ...requestFor(made, stage, options.effectId), ...options.request }
      return deployer.deploy(request, { ...tools, ...options.tools }, options.signal ?? soon())
    },
    async current() {
      const found = (await containers())['shop-prod']
      return found?.running ? found : null
    },
    async [Symbol.asyncDispose]() {
      await deployer.close()
      await engine.close()
      await http.close()
    },
  }
}
