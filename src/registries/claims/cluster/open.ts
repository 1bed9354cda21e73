/** A cluster as the configuration names it, as a source. */
import { resolve } from 'node:path'
import { createKubernetes } from '../../../connectors/kubernetes/client.ts'
import { inCluster } from '../../../connectors/kubernetes/in-cluster.ts'
import { fromKubeconfig } from '../../../connectors/kubernetes/kubeconfig.ts'
import type { Parts } from '../../registry.ts'
import type { ClusterConfig } from '../config.ts'
import { createClusterSource, type ClusterSource } from './source.ts'
import type { ToldCluster } from '../collector/beat.ts'

export interface OpenCluster {
  readonly source: ClusterSource
  readonly told: ToldCluster
  close(): Promise<void>
}

export async function openClusterSource(
  given: ClusterConfig,
  { clock, random, logger, base }: Pick<Parts, 'clock' | 'random' | 'logger' | 'base'>,
): Promise<OpenCluster> {
  const { name, kubeconfig, context, kinds, discover, namespaces, labels, fields, messages } = given
  const cluster =
    kubeconfig === undefined
      ? await inCluster({ env: process.env, clock })
      : await fromKubeconfig({ file: resolve(base, kubeconfig), clock, ...(context !== undefined && { context }) })
  const kubernetes = createKubernetes({ cluster, clock, random })
  const parts = { kubernetes, clock, random, logger }
  const source = createClusterSource({
    ...parts,
    cluster: name,
    kinds,
    discover,
    namespaces,
    labels,
    fields,
    messages,
  })
  return {
    source,
    told: { name, alive: () => isAlive(source), covered: () => source.covered() },
    async close() {
      await source.close()
      await kubernetes.close()
    },
  }
}

/** Some kind is told of as it changes. */
function isAlive(source: ClusterSource): boolean {
  return source.health().some(({ why }) => why === null)
}
