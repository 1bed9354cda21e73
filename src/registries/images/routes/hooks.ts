/** Who may send webhooks, what came of them, and what was told of images that no stage follows. */
import { z } from 'zod'
import { route, type Route } from '../../../kernel/route.ts'
import { base, tag, type Asked } from './asked.ts'

const Hook = z.object({
  name: z.string(),
  type: z.string(),
  registry: z.string(),
  proof: z.string().meta({ description: 'By what its sender proves itself: hmac, header, id' }),
  path: z.string().nullable().meta({ description: 'Where it sends to; null: its address is a secret' }),
  last_at: z.iso
    .datetime()
    .nullable()
    .meta({ description: 'When it last sent something true; since this process began' }),
  counts: z.record(z.string(), z.int()).meta({ description: 'By what became of it, since this process began' }),
})

const Unmatched = z.object({
  hook: z.string(),
  at: z.iso.datetime(),
  registry: z.string().nullable(),
  image: z.string(),
  tag: z.string().nullable(),
})

const Hooks = z.object({
  items: z.array(Hook),
  unmatched: z.array(Unmatched).meta({ description: 'The newest first' }),
})
export type HooksShown = z.infer<typeof Hooks>

export function hooksRoute(parts: Asked): Route {
  return route({
    method: 'GET',
    path: `${base}/hooks`,
    role: 'viewer',
    tag,
    summary: 'List who may send webhooks, what became of them, and what no stage follows',
    response: Hooks,
    async handle() {
      await parts.ready()
      return { body: await parts.hooks() }
    },
  })
}
