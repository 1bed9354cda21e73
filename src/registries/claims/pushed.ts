/** Statuses that informers send, as the source of a sync, and who may send them. */
import { inCluster } from '../../connectors/kubernetes/in-cluster.ts'
import { createKubernetes } from '../../connectors/kubernetes/client.ts'
import type { Source } from '../../engine/source.ts'
import type { Ms } from '../../kernel/clock.ts'
import type { Identity } from '../../kernel/route.ts'
import type { Parts } from '../registry.ts'
import type { PushedConfig } from './config.ts'
import { openIdentity } from './access/identities.ts'
import type { ClaimStatus } from './model.ts'
import { createPushedSource } from './source-pushed.ts'
import { createStaleness } from './statuses/staleness.ts'
import { createStatuses, type Statuses } from './statuses/statuses.ts'
import { openHttp, type Open, type TargetParts } from './targets.ts'

export interface OpenPushed extends Open {
  readonly source: Source<ClaimStatus>
  readonly statuses: Statuses
  readonly identities: readonly Identity[]
}

type PushedParts = Parts & Pick<TargetParts, 'observe'>

/** Statuses come in bursts; what comes within it goes together. */
const gather: Ms = 2_000

export async function openPushed(sync: string, given: PushedConfig, parts: PushedParts): Promise<OpenPushed> {
  const { journal, clock, logger } = parts
  const { most_claims: claims, most_clusters: clusters, longest_message: message, stale_after: after } = given
  const since = clock.now()
  const statuses = createStatuses({ sync, journal, limits: { claims, clusters, message }, since })
  const stopping = new AbortController()
  const staleness =
    after === undefined ? null : createStaleness({ sync, journal, statuses, clock, logger, after, since })
  void staleness?.run(stopping.signal)
  const { identities, close } = await openIdentities(given, parts)
  return {
    source: createPushedSource({ journal, clock, statuses, staleness, gather }),
    statuses,
    identities,
    async close() {
      stopping.abort()
      await close()
    },
  }
}

async function openIdentities({ identities }: PushedConfig, { clock, random, base, observe }: PushedParts) {
  const opened: Open[] = []
  const close = async () => void (await Promise.allSettled(opened.map((one) => one.close())))
  if (identities.length === 0) return { identities: [], close }
  const http = await openHttp(undefined, { clock, base, observe })
  opened.push(http)
  const kubernetes = async () => {
    const cluster = createKubernetes({ cluster: await inCluster({ env: process.env, clock }), clock, random })
    opened.push(cluster)
    return cluster
  }
  return { identities: [await openIdentity(identities, { http, clock, base, kubernetes })], close }
}
