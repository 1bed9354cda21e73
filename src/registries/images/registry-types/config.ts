/** One of `images.registries`. */
import { z } from 'zod'
import { concurrencySetting, oneLogin, reachSettings } from '../../../connectors/oci/settings.ts'
import { secret } from '../../../kernel/settings.ts'

export const registryTypes = ['gitea', 'forgejo', 'github', 'dockerhub', 'oci'] as const
export type RegistryType = (typeof registryTypes)[number]

const host = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9](?:[\w.-]*\w)?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/,
    'is no host of a registry\nwrite registry.example.io or 127.0.0.1:5000, without https:// and without a path',
  )

const address = z
  .string()
  .regex(
    /^https?:\/\/(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?:\/[\w./~-]*)?$/,
    'is no address\nwrite https://HOST or https://HOST/PATH',
  )

/** Who has to be named, and what stands for a name where it is not said. */
const rules: Readonly<Record<RegistryType, { readonly place: boolean; readonly tokenAlone: boolean }>> = {
  gitea: { place: true, tokenAlone: true },
  forgejo: { place: true, tokenAlone: true },
  github: { place: false, tokenAlone: true },
  dockerhub: { place: false, tokenAlone: false },
  oci: { place: true, tokenAlone: false },
}

const { username, password, ...reach } = reachSettings

export const imageRegistry = z
  .strictObject({
    type: z.enum(registryTypes).describe('oci: any registry that speaks the OCI distribution protocol'),
    url: address.optional().describe('Where it is: https://git.example.io; http:// is without TLS. Or host'),
    host: host.optional().describe('Where it is: registry.example.io:5000; default for github ghcr.io'),
    api: address
      .optional()
      .describe('API beside the registry, which tells times and digests; default: api.github.com, hub.docker.com, url'),
    pull_host: host.optional().describe('Host by which engines pull, where that is another one'),
    username,
    password,
    token: secret().optional().describe('Access token, in the place of a password'),
    ...reach,
    concurrency: concurrencySetting(4),
    min_remaining: z
      .int()
      .min(0)
      .default(0)
      .describe('Requests to leave over where it says how many are left; below that only what costs none is asked'),
  })
  .superRefine((given, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const { place, tokenAlone } = rules[given.type]
    if (given.url !== undefined && given.host !== undefined) refuse('host', 'is given beside url\nkeep one of the two')
    if (place && given.url === undefined && given.host === undefined) {
      refuse('type', `needs to know where it is\nadd url: https://HOST`)
    }
    if (rootless(given.url) && given.type !== 'gitea' && given.type !== 'forgejo') {
      refuse('url', 'has a path, and registries are found at the root of a host\nwrite https://HOST')
    }
    const plain = given.plain_http || given.url?.startsWith('http:') === true
    if (given.api?.startsWith('http:') === true && !plain) {
      refuse('api', 'is without TLS\nwrite https://, or set plain_http: true')
    }
    if (given.token === undefined) return oneLogin(given, context)
    if (given.password !== undefined) refuse('token', 'is given beside password\nkeep one of the two')
    if (given.docker_config !== undefined) refuse('docker_config', 'is given beside token\nkeep one of the two')
    if (given.username === undefined && !tokenAlone) refuse('token', 'needs to know whose it is\nadd username')
  })

function rootless(url: string | undefined): boolean {
  return url !== undefined && (URL.parse(url)?.pathname ?? '/') !== '/'
}

export type ImageRegistryConfig = z.infer<typeof imageRegistry>
