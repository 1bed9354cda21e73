/** The `modules` section: sync name → settings. */
import { z } from 'zod'
import { isBuilderName } from '../../connectors/docs-builder/names.ts'
import { concurrencySetting, oneLogin, reachSettings } from '../../connectors/oci/settings.ts'
import { duration } from '../../kernel/settings.ts'
import { oneSchedule, syncSettings } from '../settings.ts'
import { usualChannels } from './layout.ts'

const file = (what: string) => z.string().min(1).describe(what)

/** `host[:port]/path`, as images are named, or a folder of image layouts. */
const base = z
  .string()
  .regex(
    /^(?:oci-layout:.+|(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:)|\[[0-9a-fA-F:]+\])(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+)$/,
    'is no place of modules\nwrite registry.example.io/path/modules without https://, or oci-layout:FOLDER',
  )
  .describe('Repository whose tags are the modules: registry.example.io/path/modules; or oci-layout:FOLDER')

const registry = z
  .strictObject({
    base,
    ...reachSettings,
    mirrors: z
      .array(z.strictObject({ host: z.string().min(1), path: z.string().min(1).optional() }))
      .default([])
      .describe('Asked before the registry for manifests and layers'),
    concurrency: concurrencySetting(16),
  })
  .superRefine(oneLogin)

const leases = z.strictObject({
  namespace: z.string().min(1).optional().describe('Default: that of the pod, or of the kubeconfig context'),
  kubeconfig: file('Kubeconfig file; default: that of the pod').optional(),
  context: z.string().min(1).optional().describe('Of the kubeconfig file; default: its current one'),
})

const address = z
  .string()
  .regex(/^(?:https?:\/\/)?(?:\[[0-9a-fA-F:.]+\]|[^/:@\s]+)(?::\d{1,5})?\/?$/, 'is no address\nwrite host:8081')

const target = z
  .strictObject({
    leases: leases.optional().describe('Every documentation builder that holds a lease in a Kubernetes namespace'),
    address: address.optional().describe('One documentation builder: host:8081'),
    folder: file('Folder of unpacked documentation, FOLDER/module/channel/').optional(),
    prune_unknown: z
      .boolean()
      .default(false)
      .describe('Also remove what others have put there, within the removal budget'),
  })
  .superRefine((given, context) => {
    const kinds = [given.leases, given.address, given.folder].filter((kind) => kind !== undefined).length
    if (kinds !== 1) {
      context.addIssue({ code: 'custom', message: 'names no place, or two\ngive one of leases, address and folder' })
    }
  })

const sync = z
  .strictObject({
    registries: z.array(registry).min(1).describe('Where two have one module, the first counts'),
    channels: z
      .array(z.string().refine(isBuilderName, 'is no name of a channel\nuse lower-case letters, digits and -'))
      .min(1)
      .default([...usualChannels]),
    compat: z.boolean().default(false).describe('Which files make an archive: by the rule of the original'),
    build_timeout: duration({ least: 1000 }).optional().describe('How long a build may take; 15m'),
    targets: z
      .record(z.string().regex(/^[^/]+$/, 'must be without "/": builders with leases are named so'), target)
      .refine((given) => Object.keys(given).length > 0, 'names no target'),
    ...syncSettings,
  })
  .superRefine(oneSchedule)
  .superRefine(({ registries }, context) => {
    const seen = new Set<string>()
    for (const [index, { base: name }] of registries.entries()) {
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', path: ['registries', index, 'base'], message: 'is listed twice' })
      }
      seen.add(name)
    }
  })

export const ModulesConfig = z.record(z.string().min(1), sync)
export type ModulesConfig = z.infer<typeof ModulesConfig>
export type SyncConfig = ModulesConfig[string]
export type RegistryConfig = SyncConfig['registries'][number]
export type LeasesConfig = NonNullable<SyncConfig['targets'][string]['leases']>
