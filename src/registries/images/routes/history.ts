/** What happened to a stage: what was seen, what was deployed and by whom, the newest first. */
import { z } from 'zod'
import type { Event } from '../../../engine/journal.ts'
import { isoTime } from '../../../kernel/clock.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import { keyOf } from '../model.ts'
import { reads, stageOf, stageParams, type Asked } from './asked.ts'
import { stagePath } from './one.ts'

const EventView = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  type: z.string().meta({ description: 'entry.changed, delivery.applied, hold.raised, stage.pinned, …' }),
  tag: z.string().nullable(),
  revision: z.string().nullable(),
  reason: z.string().nullable(),
  by: z.string().nullable(),
  detail: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
})

const most = 1000

export function historyRoute(parts: Asked): Route {
  return route({
    ...reads,
    path: `${stagePath}/history`,
    summary: 'List what happened to a stage, the newest first',
    params: stageParams,
    query: z.object({
      ...pageQuery,
      type: z.string().max(100).optional().meta({ description: 'Exact, or a noun with a dot: "delivery."' }),
    }),
    response: pageOf(EventView),
    async handle({ params, query, caller }) {
      const stage = await stageOf(parts, params, caller)
      const key = keyOf(params.project, params.stage)
      const path = stagePath.replace(':project', encodeURIComponent(params.project))
      const here = `${path.replace(':stage', encodeURIComponent(params.stage))}/history`
      const [from] = positionOf(here, query) ?? []
      const mine = ({ sync, type }: Event) =>
        sync === stage.deployer || (type.startsWith('stage.') && maySeeSync(caller.scopes, sync ?? stage.deployer))
      const found: Event[] = []
      let before = from === undefined ? Number.MAX_SAFE_INTEGER : Number(from)
      // Keys of other registries may be the same: they are read over.
      for (let ended = false; !ended && found.length <= query.limit;) {
        const type = query.type === undefined ? {} : { type: query.type }
        const read = await parts.journal.events({ key, before, last: true, limit: most, ...type })
        found.push(...read.filter(mine))
        before = read.at(-1)?.seq ?? 0
        ended = read.length < most
      }
      const page = found.slice(0, query.limit)
      const next = found.length > page.length ? nextLink(here, query, [page.at(-1)!.seq]) : null
      return { body: { items: page.map(shownOf), next } }
    },
  })
}

function shownOf({ seq, at, type, reason, actor, data }: Event): z.infer<typeof EventView> {
  const more = (data ?? {}) as JsonObject
  const text = (...names: readonly string[]) => {
    const found = names.map((name) => more[name]).find((value) => typeof value === 'string')
    return (found as string | undefined) ?? null
  }
  return {
    seq,
    at: isoTime(at),
    type,
    tag: text('tag', 'label'),
    revision: text('revision', 'digest'),
    reason: reason ?? null,
    by: actor ?? null,
    detail: text('detail', 'reason'),
    data: more,
  }
}
