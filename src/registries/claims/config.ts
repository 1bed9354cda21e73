/** The `claims` section: sync name → settings. */
import { z } from 'zod'
import { gitRemoteShape, oneWayIn } from '../../connectors/git/settings.ts'
import { duration, secret } from '../../kernel/settings.ts'
import { oneSchedule, syncSettings } from '../settings.ts'
import { identityEntry } from './access/settings.ts'

const text = () => z.string().min(1)
const filePath = (what: string) => text().describe(what)
const url = (what: string) =>
  z
    .string()
    .regex(/^https?:\/\/[^\s/@?#]+(?:\/[^\s?#]*)?$/, 'is no URL\nwrite https://host/path, without credentials in it')
    .describe(what)

const pushed = z.strictObject({
  stale_after: duration({ least: 90_000 })
    .optional()
    .describe(
      'A cluster that has said nothing for so long, which informers do each 30s: its claims become unknown; default: never',
    ),
  identities: z
    .array(identityEntry)
    .default([])
    .describe('Service accounts of clusters that may tell of them, beside tokens of Regista'),
  most_claims: z.int().min(1).default(100_000).describe('Claims that are taken, of all clusters'),
  most_clusters: z.int().min(1).default(1_000),
  longest_message: z.int().min(64).default(65_536).describe('Bytes of a message; what is longer is refused'),
})

const kind = z.strictObject({
  group: text().describe('API group: resources.example.org'),
  version: text().optional().describe('Default: the one that the cluster prefers'),
  resource: text().describe('Plural name: harvestervms; or * for all of the group'),
})

const cluster = z.strictObject({
  name: text().describe('What this cluster is called in the registry'),
  kubeconfig: filePath('Kubeconfig file; default: that of the pod').optional(),
  context: text().optional().describe('Of the kubeconfig file; default: its current one'),
  kinds: z.array(kind).default([]).describe('What to watch'),
  discover: z
    .boolean()
    .default(false)
    .describe('Also watch the claims and composite resources of every CompositeResourceDefinition'),
  namespaces: z.array(text()).default([]).describe('Default: all'),
  labels: text().optional().describe('Label selector: team=a,tier!=test'),
  fields: text().optional().describe('Field selector: metadata.name=a'),
  messages: z
    .enum(['full', 'original'])
    .default('full')
    .describe('full: Ready, Synced and the cause; original: the five texts of machinery-status-collector'),
})

const github = z.strictObject({
  repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'is no repository\nwrite owner/name'),
  token: secret().optional(),
  app: z
    .strictObject({ id: z.union([z.int(), text()]), installation: z.union([z.int(), text()]), key: secret() })
    .optional()
    .describe('GitHub App: its id, the id of its installation, and its private key (PEM)'),
  api: url('REST API; https://HOST/api/v3 for GitHub Enterprise Server').default('https://api.github.com'),
  ca: filePath("PEM file of the server's authority; counts beside those of the machine").optional(),
})

const gitea = z.strictObject({
  url: url('Gitea or Forgejo: https://gitea.example.org'),
  repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'is no repository\nwrite owner/name'),
  token: secret(),
  ca: filePath("PEM file of the server's authority; counts beside those of the machine").optional(),
})

const git = z.strictObject(gitRemoteShape).superRefine(oneWayIn)

const change = z.strictObject({
  branch: text().optional().describe('Default: machinery-status/BASE'),
  title: text().default('chore: update claim statuses'),
  message: text().optional().describe('Of the commit; default: the title'),
  labels: z.array(text()).default([]),
  reviewers: z.array(text()).default([]),
  draft: z.boolean().default(false),
  auto_merge: z.boolean().default(false),
  close_leftovers: z
    .boolean()
    .default(false)
    .describe('Close the pull requests that machinery-status-collector left (status-update-*)'),
})

const file = z
  .strictObject({
    github: github.optional(),
    gitea: gitea.optional(),
    git: git
      .optional()
      .describe('Any repository, or a bare one on this machine: the branch is pushed, and nobody is asked to merge it'),
    path: filePath('Registry file in the repository'),
    sidecar: filePath(
      'Write statuses into this file of our own instead, and leave the registry file as it is',
    ).optional(),
    base: text().default('main').describe('Branch that holds the registry'),
    cluster: text().optional().describe('The cluster that a ClaimRegistry file is about, for it names none'),
    match_by_path: z.boolean().default(false).describe('Also match by the manifest that an entry names (path)'),
    write_status: z.boolean().default(false).describe('Write the field status, too, not the message and time alone'),
    on_delete: z
      .enum(['keep', 'mark', 'remove'])
      .default('keep')
      .describe('A claim that was deleted: leave its entry as it is, say so in it, or take it out'),
    change: change.prefault({}),
  })
  .superRefine((given, context) => {
    const places = [given.github, given.gitea, given.git].filter((place) => place !== undefined).length
    if (places !== 1) {
      context.addIssue({ code: 'custom', message: 'names no repository, or two\ngive one of github, gitea and git' })
    }
    if (given.github && (given.github.token === undefined) === (given.github.app === undefined)) {
      context.addIssue({ code: 'custom', path: ['github'], message: 'needs credentials\ngive either token or app' })
    }
  })

const collector = z.strictObject({
  url: url('Of the collector: https://collector.example.org'),
  token: secret().optional(),
  token_file: filePath('Read anew for each request: a projected service account token').optional(),
  ca: filePath("PEM file of the collector's authority").optional(),
  snapshot_every: duration({ least: 10_000 }).optional().describe('Tell everything anew so often; 10m'),
})

const target = z
  .strictObject({ file: file.optional(), collector: collector.optional() })
  .superRefine((given, context) => {
    if ((given.file === undefined) === (given.collector === undefined)) {
      context.addIssue({ code: 'custom', message: 'names no place, or two\ngive either file or collector' })
    }
  })

const sync = z
  .strictObject({
    pushed: pushed.optional().describe('Statuses that informers send to /api/v1/status'),
    cluster: cluster.optional().describe('Claims of a cluster, watched from here'),
    targets: z.record(text(), target).refine((given) => Object.keys(given).length > 0, 'names no target'),
    ...syncSettings,
  })
  .superRefine(oneSchedule)
  .superRefine((given, context) => {
    if ((given.pushed === undefined) === (given.cluster === undefined)) {
      context.addIssue({ code: 'custom', message: 'names no source, or two\ngive either pushed or cluster' })
    }
    if (given.cluster && given.cluster.kinds.length === 0 && !given.cluster.discover) {
      context.addIssue({
        code: 'custom',
        path: ['cluster', 'kinds'],
        message: 'is empty\nname a kind, or set discover: true',
      })
    }
  })

export const ClaimsConfig = z.record(text(), sync).superRefine((given, context) => {
  const taking = Object.entries(given).filter(([, { pushed: takes }]) => takes !== undefined)
  for (const [name] of taking.slice(1)) {
    const message = `is taken by ${taking[0]![0]}\n/api/v1/status can only go to one sync`
    context.addIssue({ code: 'custom', path: [name, 'pushed'], message })
  }
})
export type ClaimsConfig = z.infer<typeof ClaimsConfig>
export type SyncConfig = ClaimsConfig[string]
export type FileConfig = NonNullable<SyncConfig['targets'][string]['file']>
export type CollectorConfig = NonNullable<SyncConfig['targets'][string]['collector']>
export type ClusterConfig = NonNullable<SyncConfig['cluster']>
export type PushedConfig = NonNullable<SyncConfig['pushed']>
