/** Groups of which too many fell silent at once: shown, and let go. */
import { z } from 'zod'
import { isoTime } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { preservations } from '../tables.ts'
import { base, byOf, reads, type RouteParts, tag } from './parts.ts'

const path = `${base}/preservation`

const Held = z.object({
  group: z.string(),
  since: z.iso.datetime(),
  until: z.iso.datetime().meta({ description: 'Ends by itself then' }),
  silent: z.int(),
  active: z.int(),
})

export function preservationRoutes(parts: RouteParts): readonly Route[] {
  return [list(parts), release(parts)]
}

function list(parts: RouteParts): Route {
  return route({
    ...reads,
    path,
    summary: 'List the groups that are held: too many of each fell silent at once, and none of it turns inactive',
    response: z.object({ items: z.array(Held) }),
    async handle() {
      const rows = await parts.journal.select(preservations)
      const items = rows.map(({ group, since, until, silent, active }) => {
        return { group, since: isoTime(since), until: isoTime(until), silent, active }
      })
      return { body: { items } }
    },
  })
}

function release(parts: RouteParts): Route {
  return route({
    method: 'POST',
    path: `${path}/:group/release`,
    role: 'admin',
    within: { services: 'write' },
    tag,
    summary: 'Let a held group go: what is silent of it turns inactive when it is due',
    params: z.object({ group: z.string().min(1).max(1_000) }),
    body: z.object({ reason: z.string().min(1).max(500) }),
    async handle({ params: { group }, body, caller }) {
      await parts.ready()
      if (await parts.preservation.release(group, byOf(caller, body.reason))) return {}
      throw new AppError('request.not-found', `No group ${group} is held.`)
    },
  })
}
