/** Who may send webhooks, what came of them, and what was told of images that no stage follows. */
import { z } from 'zod'
import { isoTime } from '../../../kernel/clock.ts'
import { route, type Route } from '../../../kernel/route.ts'
import type { Taken } from '../hooks/follow.ts'
import { base, tag, type Asked } from './asked.ts'
import { timeOf } from './shown.ts'

const Event = z.object({
  hook: z.string(),
  at: z.iso.datetime(),
  registry: z.string(),
  image: z.string(),
  tag: z.string().nullable(),
  matched: z.int().meta({ description: 'Stages that follow it' }),
})

const Hook = z.object({
  name: z.string(),
  type: z.string(),
  registry: z.string(),
  proof: z.string().meta({ description: 'By what its sender proves itself: hmac, header, id' }),
  path: z.string().nullable().meta({ description: 'Where it sends to; null: its address is a secret' }),
  last_at: z.iso.datetime().nullable().meta({ description: 'When it last sent something true' }),
  last: Event.nullable(),
  last_error: z.object({ at: z.iso.datetime(), why: z.string(), detail: z.string() }).nullable(),
  counts: z.record(z.string(), z.int()).meta({ description: 'By what became of it, since this process began' }),
})

export function hooksRoute(parts: Asked): Route {
  return route({
    method: 'GET',
    path: `${base}/hooks`,
    role: 'viewer',
    tag,
    summary: 'List who may send webhooks, what became of them, and what no stage follows',
    response: z.object({
      items: z.array(Hook),
      unmatched: z.array(Event).meta({ description: 'Of the last that were told of, the newest first' }),
    }),
    async handle() {
      await parts.ready()
      const items = parts.hooks.describe().map((hook): z.infer<typeof Hook> => {
        const { name, type, registry, proof, path, lastAt, last, lastError, counts } = hook
        return {
          name,
          type,
          registry,
          proof,
          path,
          last_at: timeOf(lastAt),
          last: last && eventOf(last),
          last_error: lastError && { ...lastError, at: isoTime(lastError.at) },
          counts,
        }
      })
      const unmatched = parts.hooks.recent().filter(({ matched }) => matched === 0)
      return { body: { items, unmatched: unmatched.map(eventOf) } }
    },
  })
}

function eventOf({ hook, at, registry, image, tag: named, matched }: Taken): z.infer<typeof Event> {
  return { hook, at: isoTime(at), registry, image, tag: named, matched }
}
