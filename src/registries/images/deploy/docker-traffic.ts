/** Brings traffic to a container: by a name in its networks, and by telling whoever else sends it there. */
import type { DockerEngine, EngineContainer } from '../../../connectors/docker/client.ts'
import type { SendWebhook } from '../../../connectors/webhook/send.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Stage } from '../model.ts'
import type { DockerSettings } from './docker-config.ts'
import { fill, labels } from './docker-names.ts'

export interface Traffic {
  /** It is repeated without harm: after a crash, by another process. `back`: to the one that ran before. */
  bring(move: Move, signal: AbortSignal): Promise<void>
}

export interface Move {
  readonly stage: Stage
  readonly to: EngineContainer
  readonly from: EngineContainer | null
  readonly back: boolean
  readonly fence: () => void
}

interface TrafficParts {
  readonly engine: Pick<DockerEngine, 'connect' | 'disconnect'>
  readonly settings: DockerSettings
  readonly webhook: SendWebhook
}

export function createTraffic({ engine, settings, webhook }: TrafficParts): Traffic {
  async function name({ to, fence }: Move, alias: string, signal: AbortSignal): Promise<void> {
    for (const network of settings.container.networks) {
      const joined = to.networks[network]
      if (joined?.aliases.includes(alias)) continue
      fence()
      // The aliases of a connection do not change; a new one has them.
      if (joined !== undefined) await engine.disconnect(network, to.id, signal)
      await engine.connect(network, to.id, [alias], signal)
    }
  }

  async function tell({ stage, to, from, back, fence }: Move, signal: AbortSignal): Promise<void> {
    const { url, secret, timeout } = settings.switch!
    const effect = (back ? from : to)?.labels[labels.deploy] ?? to.id
    fence()
    const id = `${effect}${back ? '-back' : ''}`
    const body = JSON.stringify({
      event: back ? 'switched-back' : 'switched',
      project: stage.project,
      stage: stage.stage,
      to: told(to),
      from: from === null ? null : told(from),
    })
    const { status } = await webhook({ url, id, body, secrets: [secret], headers: {}, timeout }, signal)
    if (status >= 200 && status <= 299) return
    throw new AppError('target.unavailable', `${new URL(url).host} did not switch traffic over: HTTP ${status}`)
  }

  return {
    async bring(move, signal) {
      if (settings.alias !== undefined) await name(move, fill(settings.alias, move.stage), signal)
      if (settings.switch !== undefined) await tell(move, signal)
    },
  }
}

function told({ id, name, labels: of, networks }: EngineContainer) {
  return {
    container: id,
    name,
    tag: of[labels.tag] ?? null,
    digest: of[labels.digest] ?? null,
    addresses: Object.fromEntries(Object.entries(networks).map(([network, { address }]) => [network, address])),
  }
}
