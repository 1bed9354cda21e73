/** The config file's own sections. Each registry adds one under its name. */
import { z } from 'zod'
import { duration } from '../kernel/settings.ts'
import type { Registry } from '../registries/registry.ts'
import { ServerSettings } from '../server/settings.ts'

const day = 86_400_000

const retentionSettings = z
  .strictObject({
    events: duration({ least: day })
      .default(90 * day)
      .describe('How long history is kept; dropped by whole segments'),
  })
  .describe('How long things are kept')

const logSettings = z
  .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
  .describe('JSON lines on stderr')

const database = z
  .string()
  .regex(/^postgres(ql)?:\/\//, {
    error: 'is no address of a PostgreSQL database\nwrite postgres://user@host/name; leave it out for the embedded one',
  })
  .meta({ description: 'postgres://…, when one machine is not enough; default: a file in the state folder' })

const state = z
  .string()
  .min(1)
  .default('regista-state')
  .meta({ description: 'Folder of the embedded database, its lock and its socket; beside this file' })

const own = {
  server: ServerSettings.prefault({}).describe('The HTTP server'),
  database: database.optional(),
  state,
  retention: retentionSettings.prefault({}),
  log: logSettings.prefault({}),
}

export type OwnSettings = z.infer<z.ZodObject<typeof own>>

/** The whole file. Sections of registries that are not named stay out. */
export function configSchema(registries: readonly Registry[]): z.ZodObject {
  const sections = registries.map(({ name, config }) => [name, config.optional()])
  return z.strictObject({ ...own, ...Object.fromEntries(sections) })
}
