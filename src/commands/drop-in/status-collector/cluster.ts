/** The cluster that the informer watches: its own, else that of a kubeconfig. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Random } from '../../../kernel/retry.ts'
import { createKubernetes, fromKubeconfig, inCluster, type Kubernetes } from '../../../registries/claims/drop-in.ts'
import type { Env } from './environment.ts'
import type { InformerSettings } from './informer-settings.ts'

export interface ClusterOptions {
  readonly settings: Pick<InformerSettings, 'kubeconfig' | 'context'>
  readonly env: Env
  readonly clock: Clock
  readonly random: Random
}

/** As client-go looks for it. Rejects in the words of the original. */
export async function openCluster({ settings, env, clock, random }: ClusterOptions): Promise<Kubernetes> {
  const found = await inCluster({ env, clock }).catch(async (outside: unknown) => {
    const file = settings.kubeconfig ?? join(env['HOME'] || homedir(), '.kube', 'config')
    const { context } = settings
    try {
      return await fromKubeconfig({ file, clock, ...(context !== null && { context }) })
    } catch (thrown) {
      const { detail } = asAppError(thrown)
      // In a pod, that there is no kubeconfig is not what is wrong.
      const pod = env['KUBERNETES_SERVICE_HOST'] ? ` (${asAppError(outside).detail})` : ''
      throw new Error(`build kubernetes client: load kubeconfig: ${detail}${pod}`, { cause: thrown })
    }
  })
  return createKubernetes({ cluster: found, clock, random })
}
