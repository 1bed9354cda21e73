/** `POST /webhooks/NAME`, or `/webhooks/ID`: for senders, who have no tokens of ours. */
import { z } from 'zod'
import { route, type Route } from '../../../kernel/route.ts'
import type { Took } from './intake.ts'
import type { Delivery } from './sender.ts'

export const mostBytes = 1024 * 1024

const Answer = z.object({
  accepted: z.int().meta({ description: 'Pushes after which somebody looks' }),
  repeated: z.int().meta({ description: 'Pushes that were told of before' }),
  unmatched: z.int().meta({ description: 'Pushes of what no stage follows' }),
  ignored: z.int().meta({ description: 'Events that are no pushes of images: pulls, deletions, layers' }),
})

export function hookRoute(take: (address: string, delivery: Delivery) => Promise<Took>): Route {
  return route({
    method: 'POST',
    path: '/webhooks/:hook',
    role: 'public',
    tag: 'images',
    summary: 'Tell of images that were pushed, as a registry does',
    params: z.object({ hook: z.string().meta({ description: 'Name of the hook; of one that has an id, the id' }) }),
    rawBody: z.unknown().meta({ description: 'As the sender writes it' }),
    mostBytes,
    response: Answer,
    async handle({ params: { hook }, headers, bytes }) {
      return { status: 202, body: await take(hook, { headers, body: bytes }) }
    },
  })
}
