/** The collector's API as routes: the original's own requests, and what is ours beside them. */
import { z } from 'zod'
import { route, type Route, type RouteReply } from '../../../kernel/route.ts'
import { batchRoutes } from './batch.ts'
import { claimRoutes, type ClaimParts } from './claim.ts'
import { clusterRoute } from './clusters.ts'
import { answerPost, createListAnswers, createRequestIds, type Answer } from './original.ts'
import { speakerOf, speakerOfCluster } from './speaker.ts'
import { viewRoutes, type ViewParts } from './views.ts'
import { wirePaths } from '../wire.ts'

export interface CollectorParts extends ClaimParts {
  readonly randomBytes: (size: number) => Uint8Array
}

const claimsTag = 'claims'

/** What the original has not; the drop-in adds these to its own answers. */
export function extraRoutes(parts: ClaimParts & ViewParts): readonly Route[] {
  return [...ownRoutes(parts), ...viewRoutes(parts)]
}

function ownRoutes(parts: ClaimParts): readonly Route[] {
  return [...batchRoutes(parts), ...claimRoutes(parts), clusterRoute(parts)]
}

/** What is about statuses that are sent, for `regista serve`: there, health and version are those of the whole program. */
export function statusRoutes(parts: CollectorParts): readonly Route[] {
  return [...originalRoutes(parts), ...ownRoutes(parts)]
}

const StatusRequest = z
  .looseObject({ cluster: z.string().min(1), claimRef: z.string().min(1), statusMessage: z.string().min(1) })
  .meta({ description: 'Any content type; fields of postedStatus may come besides' })
const CreatedResponse = z.object({ status: z.string() })
const StatusEntry = z.object({
  cluster: z.string(),
  claimRef: z.string(),
  statusMessage: z.string(),
  receivedAt: z.string().meta({ description: 'RFC 3339, whole seconds' }),
})

function originalRoutes({ sync, statuses, clock, randomBytes }: CollectorParts): readonly Route[] {
  const lists = createListAnswers(statuses)
  const requestId = createRequestIds(randomBytes)
  const parts = { statuses, clock }
  const read = { method: 'GET', role: 'viewer', within: 'own', tag: claimsTag, response: z.array(StatusEntry) } as const
  const reply = (answer: Answer) => replyOf(answer, requestId())
  return [
    route({
      method: 'POST',
      path: wirePaths.status,
      role: 'operator',
      within: 'own',
      tag: claimsTag,
      summary: 'Tell the status of a claim; answered once it is durable',
      rawBody: StatusRequest,
      response: CreatedResponse,
      direct: 'handle',
      handle: async ({ bytes, caller }) => reply(await answerPost(parts, bytes, speakerOf(caller, sync))),
    }),
    route({
      ...read,
      path: wirePaths.status,
      summary: 'List the statuses of all clusters',
      handle: async ({ caller }) => reply(await lists(speakerOf(caller, sync).cluster)),
    }),
    route({
      ...read,
      path: `${wirePaths.status}/:cluster`,
      summary: 'List the statuses of one cluster; of an unknown one there are none',
      params: z.object({ cluster: z.string() }),
      async handle({ params: { cluster }, caller }) {
        speakerOfCluster(caller, sync, cluster)
        return reply(await lists(cluster))
      },
    }),
    // The path of batches is that of a cluster of this name, too.
    route({
      ...read,
      path: wirePaths.batch,
      summary: 'List the statuses of a cluster that is named batch',
      async handle({ caller }) {
        speakerOfCluster(caller, sync, 'batch')
        return reply(await lists('batch'))
      },
    }),
  ]
}

const lowered = new WeakMap<Answer['headers'], Readonly<Record<string, string>>>()

function replyOf({ status, headers, body }: Answer, id: string): RouteReply {
  let known = lowered.get(headers)
  if (known === undefined) {
    known = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    lowered.set(headers, known)
  }
  return { status, headers: { ...known, 'x-request-id': id }, body }
}
