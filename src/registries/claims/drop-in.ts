/** What the drop-in command of the original needs of this registry, without the schema of the configuration file. */
import { readFile } from 'node:fs/promises'
import { createHttp, type Http } from '../../connectors/http/client.ts'
import { proxyVariables } from '../../connectors/http/proxy.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { readVersion } from '../../kernel/version.ts'
import { createCollectorClient, type CollectorClient } from './collector/client.ts'

export { createKubernetes, type Kubernetes } from '../../connectors/kubernetes/client.ts'
export { inCluster } from '../../connectors/kubernetes/in-cluster.ts'
export { fromKubeconfig } from '../../connectors/kubernetes/kubeconfig.ts'
export type { ChangeRequest, Forge } from '../../connectors/forge/forge.ts'
export { openIdentityFile } from './drop-in-identity.ts'
export { openForge, type ForgePlace, type GitHubCredentials } from './drop-in-forge.ts'
export { namesOf, type ClaimStatus } from './model.ts'
export { createClusterSource, type ClusterSource } from './cluster/source.ts'
export {
  createOriginalListener,
  createOriginalPost,
  statusPath,
  type ListenerOptions,
  type RequestLine,
  type Sent,
} from './routes/listener.ts'
export { extraRoutes } from './routes/routes.ts'
export { createPushedSource } from './source-pushed.ts'
export { createStaleness } from './statuses/staleness.ts'
export { createStatuses, type Statuses } from './statuses/statuses.ts'
export { claimClusters, claimStatuses } from './tables.ts'
export { createCollectorLedger } from './collector/ledger.ts'
export { createCollectorTarget } from './collector/target.ts'
export { createWishReader } from './rolling/wishes.ts'
export { createFileTarget, type FileTarget, type FileTargetOptions } from './rolling/target.ts'

export interface HttpFor {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** PEM file; counts beside the authorities that Node knows. */
  readonly caFile: string | null
}

/** Rejects with `config.invalid` where the file cannot be read. */
export async function openHttp({ env, clock, caFile }: HttpFor): Promise<Http> {
  const ca = caFile === null ? null : await textOf(caFile)
  return createHttp({
    clock,
    userAgent: `regista/${readVersion()}`,
    proxy: proxyVariables(env),
    ...(ca !== null && { tls: { ca } }),
  })
}

export interface CollectorAt {
  readonly url: string
  readonly token: string | null
  /** Read anew for each request; comes before `token`. */
  readonly tokenFile: string | null
  readonly http: Http
  readonly clock: Clock
}

export function openCollector({ url, token, tokenFile, http, clock }: CollectorAt): CollectorClient {
  const read = async () => (tokenFile === null ? token : (await textOf(tokenFile)).trim())
  return createCollectorClient({ url, http, clock, token: read })
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    throw new AppError('config.invalid', `${file} cannot be read (${messageOf(thrown)})`, { cause: thrown })
  }
}
