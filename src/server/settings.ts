/** The `server` section of the config file. */
import { z } from 'zod'

const port = z.int().min(0).max(65_535)

export const ServerSettings = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').meta({ description: 'Address to listen on' }),
  port: port.default(8080).meta({ description: '0 takes a free one' }),
  auth: z
    .enum(['tokens', 'none'])
    .optional()
    .meta({
      description:
        'tokens: every caller needs one. none: everybody may do everything. ' +
        'Left out: none, and the server only starts on a loopback address',
    }),
  hosts: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Further host names by which browsers may reach the server when callers have no token' }),
  behind_proxy: z
    .boolean()
    .default(false)
    .meta({ description: 'A proxy in front ends TLS and sets X-Forwarded-For; nothing else can reach this port' }),
  tls: z
    .strictObject({
      cert: z.string().min(1).meta({ description: 'PEM file, read again when it changes' }),
      key: z.string().min(1).meta({ description: 'PEM file, read again when it changes' }),
      client_ca: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'PEM file; callers must then show a certificate signed by one of these' }),
    })
    .optional(),
  metrics: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port,
      auth: z.literal('none').optional().meta({ description: 'Serve metrics and health there to everybody' }),
    })
    .optional()
    .meta({ description: 'A further port that serves only metrics and health' }),
  limits: z
    .strictObject({
      body: z.int().min(1024).default(1_048_576).meta({ description: 'Largest request body in bytes' }),
      connections: z.int().min(1).default(4096).meta({ description: 'Open connections' }),
      streams: z.int().min(1).default(256).meta({ description: 'Open event streams' }),
      rate: z
        .number()
        .positive()
        .default(2000)
        .meta({ description: 'Requests per second and caller (token, else address), evenly refilled' }),
      burst: z.number().min(1).default(4000).meta({ description: 'Requests of one caller that may come at once' }),
    })
    .prefault({}),
})

export type ServerSettings = z.infer<typeof ServerSettings>
