/** What the drop-in command of the original needs of this registry, without the schema of the configuration file. */
import { getCACertificates } from 'node:tls'
import { proxyVariables } from '../../connectors/http/proxy.ts'
import type { Credentials } from '../../connectors/oci/credential.ts'
import { createRegistry, type ObservedRequest } from '../../connectors/oci/registry.ts'
import type { ImageStore } from '../../connectors/oci/store.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import { readVersion } from '../../kernel/version.ts'

export { createDocsBuilder, type BuilderCall, type DocsBuilder } from '../../connectors/docs-builder/client.ts'
export { createDockerConfig, type DockerConfig } from '../../connectors/oci/docker-config.ts'
export { createKubernetes, type Kubernetes } from '../../connectors/kubernetes/client.ts'
export { inCluster } from '../../connectors/kubernetes/in-cluster.ts'
export { fromKubeconfig } from '../../connectors/kubernetes/kubeconfig.ts'
export { createArchives, type Archives } from './archive/archives.ts'
export { createLeasedBuilders, type LeasedBuilder, type LeasedBuilders } from './builders.ts'
export { leasesQuery } from './builders-lease.ts'
export { moduleScope, placeOf, registryScope, usualChannels } from './layout.ts'
export type { ModuleDocument } from './model.ts'
export type { ReleaseNote } from './release.ts'
export { createModulesSource, type Place } from './source.ts'
export { builderLimits, createBuilderTarget } from './target-builder.ts'
export { joinTargets } from './target-sets.ts'
export type { ObservedRequest }

export interface Pull {
  readonly bytes: number
  readonly seconds: number
}

export interface StoreOptions {
  readonly host: string
  readonly credentials: Credentials
  /** Token servers elsewhere that may see them. */
  readonly realms: readonly string[]
  readonly plainHttp: boolean
  /** PEM text; counts beside the authorities that Node knows. */
  readonly ca: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly observe: (request: ObservedRequest) => void
}

/** Opens nothing yet. Throws `config.invalid` where that is no host. */
export function openStore({ ca, env, ...options }: StoreOptions): ImageStore {
  return createRegistry({
    ...options,
    proxy: proxyVariables(env),
    version: readVersion(),
    ...(ca.trim() !== '' && { tls: { ca } }),
  })
}

/**
 * The authorities that Go believes, as far as Node does not: those of the machine, or what SSL_CERT_FILE and
 * SSL_CERT_DIR name.
 */
export function machineAuthorities(): string {
  const usual = new Set(getCACertificates('default'))
  return [...new Set(getCACertificates('system'))].filter((one) => !usual.has(one)).join('\n')
}
