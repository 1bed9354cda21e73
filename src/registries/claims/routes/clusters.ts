/** Which clusters there are, and when each was last heard of. */
import { z } from 'zod'
import type { Journal } from '../../../engine/journal.ts'
import { isoTime } from '../../../kernel/clock.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { speakerOf } from './speaker.ts'
import type { Statuses } from '../statuses/statuses.ts'
import { claimClusters } from '../tables.ts'

const Cluster = z.object({
  cluster: z.string(),
  claims: z.int(),
  heardAt: z.iso.datetime().meta({ description: 'Last word of it; after a restart the last that is recorded' }),
})

export interface ClusterParts {
  readonly sync: string
  readonly statuses: Pick<Statuses, 'clusters'>
  readonly journal: Journal
}

export function clusterRoute({ sync, statuses, journal }: ClusterParts): Route {
  return route({
    within: 'own',
    tag: 'claims',
    method: 'GET',
    path: '/api/v1/clusters',
    role: 'viewer',
    summary: 'List the clusters that statuses came from, and when each was last heard of',
    response: z.object({ items: z.array(Cluster) }),
    async handle({ caller }) {
      const { cluster: own } = speakerOf(caller, sync)
      const rows = await journal.select(claimClusters, { where: { sync } })
      const written = new Map(rows.map(({ cluster, heardAt }) => [decodeURIComponent(cluster), heardAt]))
      const items = [...(await statuses.clusters()).values()]
        .filter(({ name }) => own === null || own === name)
        .map(({ name, live, heardAt }) => {
          return { cluster: name, claims: live, heardAt: isoTime(Math.max(heardAt, written.get(name) ?? 0)) }
        })
      return { body: { items: items.toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1)) } }
    },
  })
}
