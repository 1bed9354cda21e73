/** What a person may change for all stages while Regista runs. */
import { z } from 'zod'
import { formatDuration, parseDuration } from '../../../kernel/duration.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { base, invalid, tag, type Asked } from './asked.ts'

const Settings = z.object({
  poll_interval: z.string().meta({ description: 'How often stages without a schedule of their own are polled' }),
  configured: z.object({ poll_interval: z.string() }).meta({ description: 'As the config file has it' }),
})

const path = `${base}/settings`

export function settingsRoutes(parts: Asked): readonly Route[] {
  return [showSettings(parts), changeSettings(parts)]
}

async function settingsOf({ ready, pollInterval }: Asked): Promise<z.infer<typeof Settings>> {
  await ready()
  return {
    poll_interval: formatDuration(pollInterval.get()),
    configured: { poll_interval: formatDuration(pollInterval.configured) },
  }
}

function showSettings(parts: Asked): Route {
  return route({
    method: 'GET',
    path,
    role: 'viewer',
    tag,
    summary: 'Show what can be changed for all stages at run time',
    response: Settings,
    handle: async () => ({ body: await settingsOf(parts) }),
  })
}

function changeSettings(parts: Asked): Route {
  return route({
    method: 'PUT',
    path,
    role: 'admin',
    tag,
    summary: 'Change how often stages are polled, at once and for good; null: as the config file has it',
    body: z.strictObject({ poll_interval: z.string().max(50).nullable() }),
    response: Settings,
    async handle({ body, caller }) {
      await parts.ready()
      const given = body.poll_interval
      const interval = given === null ? null : parseDuration(given)
      if (given !== null && interval === null)
        throw invalid('body', 'poll_interval', 'must be a length of time such as 5m')
      await parts.pollInterval.set(interval, caller.name)
      return { body: await settingsOf(parts) }
    },
  })
}
