/** The `capabilities` section: sync name → settings. */
import { z } from 'zod'
import { duration, secret } from '../../kernel/settings.ts'
import { oneSchedule, syncSettings } from '../settings.ts'
import { gitSettings } from './config-git.ts'
import { standardGlob, standardInventory, standardPrefix } from './standards.ts'

const folder = (what: string) =>
  z
    .string()
    .regex(/^[^\0]*\/$/, 'must end with "/"')
    .describe(what)

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe("PEM file of the authority; default: the system's"),
  cert: z.string().min(1).optional().describe('PEM file of our certificate, where the server asks for one'),
  key: z.string().min(1).optional().describe('PEM file of its key'),
  server_name: z.string().min(1).optional().describe("Name in the server's certificate, where it is not the host"),
})

const etcd = z.strictObject({
  endpoints: z
    .array(
      z
        .string()
        .regex(
          /^(?:https?:\/\/)?(?:\[[0-9a-fA-F:.]+\]|[^/:@\s]+)(?::\d{1,5})?\/?$/,
          'is no endpoint\nwrite https://host:2379',
        ),
    )
    .min(1)
    .describe('https://host:2379; the one that answers is used'),
  tls: tls
    .refine((given) => (given.cert === undefined) === (given.key === undefined), 'cert and key go together')
    .optional()
    .describe('Also without it, https:// endpoints use TLS'),
  username: z.string().min(1).optional(),
  password: secret().optional(),
  timeout: duration({ least: 100, most: 60_000 }).optional().describe('Bound of each call; 5s'),
})

const target = z
  .strictObject({
    etcd: etcd
      .refine(
        (given) => (given.username === undefined) === (given.password === undefined),
        'username and password go together',
      )
      .optional(),
    store: z.literal(true).optional().describe("Regista's own key-value store, readable at GET /api/v1/kv/"),
    prefix: folder('Keys are {prefix}{identifier}/metadata, type, version and dependencies').default(standardPrefix),
    inventory: folder('Where the record is kept of what we put there').default(standardInventory),
  })
  .superRefine((given, context) => {
    if ((given.etcd === undefined) === (given.store === undefined)) {
      context.addIssue({ code: 'custom', message: 'names no store, or two\ngive either etcd or store: true' })
    }
    if (given.inventory.startsWith(given.prefix) || given.prefix.startsWith(given.inventory)) {
      context.addIssue({
        code: 'custom',
        path: ['inventory'],
        message: 'overlaps with prefix\nkeep it apart from the keys that others read',
      })
    }
  })

const sync = z
  .strictObject({
    directory: z.string().min(1).optional().describe('Folder of the manifests; relative to the config file'),
    git: gitSettings.optional().describe('Repository of the manifests, instead of a folder; read without a checkout'),
    submissions: z
      .boolean()
      .default(false)
      .describe('Take manifests through the API, too; where a file has the same identifier, the file counts'),
    glob: z
      .string()
      .regex(/^[^/\0]+$/, 'must be a pattern of file names, without folders')
      .default(standardGlob)
      .describe('Which files of the folder are manifests'),
    version_source: z
      .enum(['semver', 'dc_date'])
      .optional()
      .describe('What the version key holds; semver, with compat dc_date'),
    compat: z
      .boolean()
      .default(false)
      .describe('As the original: its bytes, only its two shapes of manifest, and no inventory'),
    source_id: z
      .string()
      .regex(/^[^/\0]+$/, 'must be without "/"')
      .optional()
      .describe('Owner of the keys in the inventory; the name of the sync. No two syncs on one store may share it'),
    targets: z.record(z.string().min(1), target).refine((given) => Object.keys(given).length > 0, 'names no target'),
    ...syncSettings,
  })
  .superRefine(oneSchedule)
  .superRefine((given, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (given.directory !== undefined && given.git !== undefined) {
      refuse('git', 'is given beside directory\nkeep one of the two, or make two syncs of them')
    }
    if (given.directory === undefined && given.git === undefined && !given.submissions) {
      refuse('directory', 'is not given\ngive directory, git, or submissions: true')
    }
  })

export const CapabilitiesConfig = z.record(z.string().min(1), sync)
export type CapabilitiesConfig = z.infer<typeof CapabilitiesConfig>
export type SyncConfig = CapabilitiesConfig[string]
export type TargetConfig = SyncConfig['targets'][string]
