/** From one of `images.deployers` to a deployer. */
import type { Http } from '../../../connectors/http/client.ts'
import type { SendWebhook } from '../../../connectors/webhook/send.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import type { DeployerConfig } from '../config.ts'
import { createCommandDeployer } from './command.ts'
import type { Deployer } from './deployer.ts'
import { openDockerDeployer } from './docker.ts'
import { clusterOf, createKubernetesDeployer } from './kubernetes.ts'
import { createWebhookDeployer } from './webhook.ts'

export interface DeployerParts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly http: Http
  readonly webhook: SendWebhook
  /** Where relative paths are meant from. */
  readonly base: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export async function openDeployer(name: string, config: DeployerConfig, parts: DeployerParts): Promise<Deployer> {
  const { docker, kubernetes, command, webhook } = config
  if (docker) return openDockerDeployer(name, docker, parts)
  if (command) return createCommandDeployer(name, command, parts)
  if (kubernetes) return createKubernetesDeployer(name, kubernetes, { ...parts, cluster: clusterOf(kubernetes, parts) })
  if (webhook) return createWebhookDeployer(name, webhook, parts)
  throw new AppError('config.invalid', `the deployer ${name} says nothing of how it deploys`)
}
