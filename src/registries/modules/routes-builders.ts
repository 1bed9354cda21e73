/** The documentation builders over REST: who they are, how they stand, and what others put there. */
import { z } from 'zod'
import type { Journal } from '../../engine/journal.ts'
import { deliveries, targets } from '../../engine/tables.ts'
import { route, type Route } from '../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../kernel/visible.ts'
import type { OpenBuilder, OpenTargets } from './targets.ts'

export interface BuilderRouteParts {
  readonly journal: Journal
  /** Sync name → its targets. */
  readonly syncs: ReadonlyMap<string, Pick<OpenTargets, 'builders' | 'leases'>>
}

/** Of one builder; there may be thousands of another client. */
const mostForeign = 1000

const Foreign = z.object({ module: z.string(), channel: z.string(), version: z.string() })

const Builder = z.object({
  sync: z.string(),
  target: z.string(),
  address: z.string(),
  state: z.string().meta({ description: 'As in the list of targets; new: it was not met yet' }),
  detail: z.string().nullable(),
  foreign: z
    .array(Foreign)
    .nullable()
    .meta({ description: `What others put there, at most ${mostForeign}; null: it was not looked at, or cannot tell` }),
})

const Lease = z.object({
  sync: z.string(),
  lease: z.string().meta({ description: 'namespace/name' }),
  holder: z.string(),
  state: z.enum(['held', 'expired', 'malformed']),
  detail: z.string().nullable(),
})

export function builderRoutes({ journal, syncs }: BuilderRouteParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/modules/builders',
      role: 'viewer',
      within: 'filtered',
      tag: 'modules',
      summary: 'List documentation builders, what others put there, and the leases that were told of',
      query: z.object({ sync: z.string().optional() }),
      response: z.object({ builders: z.array(Builder), leases: z.array(Lease) }),
      async handle({ query, caller }) {
        visibleSyncs(caller, query.sync)
        const seen = [...syncs].filter(
          ([sync]) => (query.sync === undefined || query.sync === sync) && maySeeSync(caller.scopes, sync),
        )
        const leases = seen.flatMap(([sync, open]) => open.leases().map((lease) => ({ sync, ...lease })))
        const builders = seen.flatMap(([sync, open]) => open.builders().map((one) => shown(journal, sync, one)))
        return { body: { builders: await Promise.all(builders), leases } }
      },
    }),
  ]
}

async function shown(journal: Journal, sync: string, builder: OpenBuilder): Promise<z.infer<typeof Builder>> {
  const { target, address } = builder
  const row = await journal.get(targets, { sync, target })
  const foreign = await foreignAt(journal, sync, builder)
  return { sync, target, address, state: row?.state ?? 'new', detail: row?.detail ?? null, foreign }
}

/** What it holds and the ledger knows nothing of. */
async function foreignAt(journal: Journal, sync: string, { target, seen }: OpenBuilder) {
  const documents = seen()
  if (documents === null) return null
  const ours = new Set((await journal.select(deliveries, { where: { sync, target } })).map(({ key }) => key))
  const foreign = [...documents].flatMap(([module, channels]) =>
    [...channels].flatMap(([channel, version]) =>
      ours.has(`${module}/${channel}`) ? [] : { module, channel, version },
    ),
  )
  return foreign.slice(0, mostForeign)
}
