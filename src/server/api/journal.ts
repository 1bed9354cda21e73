/** The journal as a whole. */
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { route, type Route } from '../../kernel/route.ts'
import { isLocal } from '../access/guard.ts'
import type { ApiParts } from './parts.ts'

const common = { method: 'POST', role: 'admin', tag: 'house' } as const

export function journalRoutes({ journal, backup }: ApiParts): readonly Route[] {
  return [
    route({
      ...common,
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
    route({
      ...common,
      path: '/api/v1/journal/backup',
      summary: 'Copy the embedded database into a new file on this machine; only for commands on this machine',
      body: z.object({ file: z.string().startsWith('/').max(4096) }),
      response: z.object({ file: z.string(), blocks: z.int(), events: z.int(), seq: z.int() }),
      async handle({ body, caller }) {
        // Whoever may open the socket may write files as this user anyway; a token says nothing of that.
        if (!isLocal(caller)) {
          throw new AppError('request.forbidden', 'Run `regista backup` on the machine itself.')
        }
        return { body: await backup(body.file) }
      },
    }),
  ]
}
