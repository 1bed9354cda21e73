/** The journal as a whole. */
import { z } from 'zod'
import { route, type Route } from '../../kernel/route.ts'
import type { ApiParts } from './parts.ts'

const common = { role: 'admin', tag: 'house' } as const

export function journalRoutes({ journal }: ApiParts): readonly Route[] {
  return [
    route({
      ...common,
      method: 'POST',
      path: '/api/v1/journal/verify',
      summary: 'Recompute the hash chain of everything that is kept of the history',
      response: z.object({
        ok: z.boolean(),
        blocks: z.int().optional(),
        events: z.int().optional(),
        from: z.int().optional(),
        to: z.int().optional(),
        at: z.int().optional().meta({ description: 'Where the chain is broken' }),
        why: z.string().optional(),
      }),
      async handle({ signal }) {
        return { body: await journal.verify(signal) }
      },
    }),
  ]
}
