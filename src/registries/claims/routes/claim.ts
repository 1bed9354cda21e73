/** One claim: what is held of it, its history, and its removal. */
import { z } from 'zod'
import type { Journal } from '../../../engine/journal.ts'
import { isoTime } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { postedOf, type BulkParts } from './batch.ts'
import { refusalOf } from './original.ts'
import { speakerOfCluster } from './speaker.ts'
import type { Held, HeldCluster } from '../statuses/held.ts'
import type { Told } from '../statuses/told.ts'
import { postedRemoval, postedStatus, result } from '../wire.ts'

export interface ClaimParts extends BulkParts {
  readonly journal: Journal
}

const path = '/api/v1/status/:cluster/*'
const params = z.object({ 'cluster': z.string().min(1), '*': z.string().min(1).meta({ description: 'claimRef' }) })
const common = { path, params, within: 'own', tag: 'claims' } as const
const { group, kind, namespace, name, observedAt, generation } = postedRemoval.shape
const object = { group, kind, namespace, name }

const Event = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  type: z.string().meta({ description: 'claim.created, claim.updated, claim.removed, and what became of it later' }),
  reason: z.string().optional(),
  actor: z.string().optional(),
  target: z.string().optional(),
  data: z
    .unknown()
    .optional()
    .meta({ description: 'Of claim.…: message, health, observedAt (milliseconds), generation' }),
})
const Claim = postedStatus.extend({
  state: z.enum(['live', 'gone']),
  key: z.string(),
  by: z.string().meta({ description: 'Who said so' }),
  receivedAt: z.iso.datetime(),
  history: z.array(Event).meta({ description: 'The newest first' }),
})

export function claimRoutes(parts: ClaimParts): readonly Route[] {
  return [showClaim(parts), removeClaim(parts)]
}

function showClaim({ sync, statuses, journal }: ClaimParts): Route {
  return route({
    ...common,
    method: 'GET',
    role: 'viewer',
    summary: 'Show what is held of a claim, also of one that is gone, and its history',
    query: z.object({ ...object, limit: z.int().min(1).max(1000).default(50).meta({ description: 'Events of each' }) }),
    response: z.object({ items: z.array(Claim).meta({ description: 'Every object that goes by this claimRef' }) }),
    async handle({ params: { cluster, '*': claimRef }, query, caller }) {
      speakerOfCluster(caller, sync, cluster)
      const found = namedBy((await statuses.clusters()).get(cluster), claimRef, query)
      if (found.length === 0) throw noClaim(cluster, claimRef)
      const items = found.map(async (held) => {
        const events = await journal.events({ sync, key: held.key, last: true, limit: query.limit })
        const { key, state, by, at } = held
        const history = events.map(({ seq, at: when, type, reason, actor, target, data }) => {
          const about = { ...(reason && { reason }), ...(actor && { actor }), ...(target && { target }) }
          return { seq, at: isoTime(when), type, ...about, ...(data !== undefined && { data: data as JsonObject }) }
        })
        return { ...postedOf(held), state, key, by, receivedAt: isoTime(at), history }
      })
      return { body: { items: await Promise.all(items) } }
    },
  })
}

type Asked = { readonly [field in 'group' | 'kind' | 'namespace' | 'name']?: string | undefined }

/** Of that claimRef; where an object is named, only that one. */
function namedBy(home: HeldCluster | undefined, claimRef: string, asked: Asked): Held[] {
  if (home === undefined) return []
  const all = [home.plain.get(claimRef), ...(home.refs.get(claimRef) ?? [])].filter((held) => held !== undefined)
  const wanted = Object.entries(asked).filter(([field, value]) => field in object && value !== undefined)
  return all.filter((held) => wanted.every(([field, value]) => held.object?.[field as keyof typeof object] === value))
}

function removeClaim({ sync, statuses, clock }: ClaimParts): Route {
  return route({
    ...common,
    method: 'DELETE',
    role: 'operator',
    summary: 'Tell that a claim is gone: every object of this claimRef, or the one that is named',
    query: z.object({ ...object, observedAt, generation }),
    response: result,
    async handle({ params: { cluster, '*': claimRef }, query, caller }) {
      const speaker = speakerOfCluster(caller, sync, cluster)
      const found = namedBy((await statuses.clusters()).get(cluster), claimRef, query)
      const told = found.map((held): Told => {
        const observed = query.observedAt === undefined ? null : Date.parse(query.observedAt)
        const about = { cluster, claimRef, object: held.object, message: null, health: null }
        return { ...about, observedAt: observed, generation: query.generation ?? null }
      })
      const verdicts = await statuses.tell(told, speaker.name, clock.now())
      for (const verdict of verdicts) {
        const refused = refusalOf(verdict)
        if (refused !== null) throw refused
      }
      const results = verdicts.map((verdict) => verdict.result)
      const removed =
        results.find(({ status }) => status === 'removed') ?? results.find(({ status }) => status === 'older')
      if (removed === undefined) throw noClaim(cluster, claimRef)
      return { body: removed }
    },
  })
}

function noClaim(cluster: string, claimRef: string): AppError {
  return new AppError('request.not-found', `There is no claim ${claimRef} of cluster ${cluster}.`)
}
