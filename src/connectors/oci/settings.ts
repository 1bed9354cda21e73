/** How a registry is reached, as every section of the config file that names one writes it. */
import { z } from 'zod'
import { duration, secret } from '../../kernel/settings.ts'

/** `concurrency` is not among them: its default is for each to choose. */
export const reachSettings = {
  username: z.string().min(1).optional(),
  password: secret().optional(),
  docker_config: z.string().min(1).describe('File of credentials, as docker login writes it').optional(),
  ca: z.string().min(1).describe("PEM file of the registry's authority; counts beside those of the machine").optional(),
  plain_http: z.boolean().default(false).describe('Talk to this registry without TLS'),
  realms: z
    .array(z.string().min(1))
    .default([])
    .describe('Hosts of token servers, other than its own, that may see the credentials'),
  rate: z.number().positive().optional().describe('Requests a second, at most'),
  timeout: duration({ least: 1000 }).optional().describe('How long an answer may stay away; 30s'),
} as const

export const concurrencySetting = (usual: number) =>
  z.int().min(1).max(256).default(usual).describe('Requests in flight')

export type ReachSettings = z.infer<z.ZodObject<typeof reachSettings>> & { readonly concurrency: number }

type Login = Pick<ReachSettings, 'username' | 'password' | 'docker_config'>

/** For `superRefine`: one way of giving credentials, and that one whole. */
export function oneLogin(given: Login, context: z.RefinementCtx): void {
  const { username, password, docker_config: file } = given
  if ((username === undefined) !== (password === undefined)) refuse(context, 'username', 'and password go together')
  if (username !== undefined && file !== undefined) {
    refuse(context, 'docker_config', 'is given beside username\nkeep one of the two')
  }
}

function refuse(context: z.RefinementCtx, path: string, message: string): void {
  context.addIssue({ code: 'custom', path: [path], message })
}
