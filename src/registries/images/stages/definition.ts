/** One stage as the config file and the API write it, and what it comes to. One schema for both. */
import { z } from 'zod'
import type { Platform } from '../../../connectors/oci/store.ts'
import { digestOf, type Digest } from '../../../kernel/digest.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import { duration } from '../../../kernel/settings.ts'
import { windowFault } from '../deploy/window.ts'
import { keyOf, strategies, type Stage } from '../model.ts'
import { patternFault } from '../tags/pattern.ts'
import { selectionFault } from '../tags/select.ts'
import { scheduleFault } from '../watch/timetable.ts'

/** Of projects and stages: what may stand in a path, a label, and the name of a container. */
export const stageName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'is no name\nuse letters, digits, dots, _ and -; at most 63',
  )

const text = () => z.string().min(1)

/** `fault` answers what is wrong and the next step, or null. */
const checked = (fault: (text: string) => string | null) =>
  z.string().superRefine((given, context) => {
    const message = fault(given)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })

const oneOrMore = <T extends z.ZodType<string, string>>(one: T, most: number) =>
  z.union([one, z.array(one).max(most)]).transform((given) => [given].flat() as readonly string[])

const kubernetesName = (what: string) =>
  z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, `is no name of a ${what}`)

const workload = z.strictObject({
  kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']).default('Deployment'),
  namespace: kubernetesName('namespace').optional().describe('Default: that of the deployer'),
  name: kubernetesName('workload'),
  container: kubernetesName('container').optional().describe('Default: the only one'),
})

const approval = z.strictObject({
  count: z.int().min(1).max(20).default(1).describe('How many people have to approve a version'),
  within: duration({ least: 60_000 }).optional().describe('How long an approval counts; for ever'),
})

const stageShape = {
  registry: text().describe('Name of one of images.registries'),
  image: z
    .string()
    .max(255)
    .regex(
      /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/,
      'is no name of an image\nwrite team/shop, in lower case, without the registry, tag and digest',
    )
    .describe('Repository in that registry: team/shop'),
  pattern: oneOrMore(z.string().min(1), 32)
    .default([])
    .describe("Globs of tags, of which one must match; '!' before one excludes. Default: every tag"),
  strategy: z.enum(strategies).default('auto').describe('Which of the tags is the newest'),
  range: text().optional().describe("SemVer range, for semver and auto: '>=1.4 <3'"),
  platform: z
    .string()
    .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/, 'is no platform\nwrite linux/arm64, or linux/arm/v7')
    .optional()
    .describe('Compare and deploy what an index has for it: linux/arm64'),
  schedule: checked(scheduleFault)
    .optional()
    .describe("When to look: '@every 10m', 10m, or a cron line; default: images.poll_interval"),
  polling: z.boolean().default(true).describe('false: looked at when a webhook or a person says so, and at start'),
  auto_deploy: z.boolean().default(true).describe('false: each version waits for a person'),
  deployer: text().describe('Name of one of images.deployers'),
  workload: workload.optional().describe('What to change in the cluster; for kubernetes deployers'),
  approval: z
    .union([z.literal(true), approval])
    .optional()
    .describe('true: one person has to approve each version; or how many, and how long that counts'),
  window: oneOrMore(checked(windowFault), 16)
    .default([])
    .describe("Maintenance windows: 'Sat 22:00-02:00 Europe/Berlin'. Default: at any time"),
  deploy_on_first: z.boolean().default(false).describe('Also deploy what is the newest at the first look'),
  allow_downgrade: z.boolean().default(false).describe('Also deploy a version below the one that runs'),
} as const

export const stageDefinition = z.strictObject(stageShape).superRefine((given, context) => {
  const { pattern: tags, strategy, range = null } = given
  const pattern = patternFault(tags)
  const message = pattern ?? selectionFault({ tags, strategy, range })
  const path = pattern !== null ? 'pattern' : range !== null ? 'range' : 'strategy'
  if (message !== null) context.addIssue({ code: 'custom', path: [path], message })
})
export type StageDefinition = z.infer<typeof stageDefinition>

export function stageOf(project: string, stage: string, given: StageDefinition, owner: Stage['owner']): Stage {
  const { approval: asked, workload: what } = given
  return {
    key: keyOf(project, stage),
    project,
    stage,
    registry: given.registry,
    image: given.image,
    selection: { tags: given.pattern, strategy: given.strategy, range: given.range ?? null },
    platform: given.platform === undefined ? null : platformOf(given.platform),
    schedule: given.schedule ?? null,
    polling: given.polling,
    deployer: given.deployer,
    workload: what
      ? { kind: what.kind, namespace: what.namespace ?? null, name: what.name, container: what.container ?? null }
      : null,
    autoDeploy: given.auto_deploy,
    approval:
      asked === undefined
        ? null
        : asked === true
          ? { count: 1, within: null }
          : { count: asked.count, within: asked.within ?? null },
    windows: given.window,
    deployOnFirst: given.deploy_on_first,
    allowDowngrade: given.allow_downgrade,
    owner,
  }
}

/** As `stageDefinition` takes it, with every default written out. */
export function definitionOf(stage: Stage): JsonObject {
  const { selection, platform, workload: what, approval: asked } = stage
  return {
    registry: stage.registry,
    image: stage.image,
    pattern: selection.tags,
    strategy: selection.strategy,
    ...(selection.range !== null && { range: selection.range }),
    ...(platform && { platform: platformText(platform) }),
    ...(stage.schedule !== null && { schedule: stage.schedule }),
    polling: stage.polling,
    auto_deploy: stage.autoDeploy,
    deployer: stage.deployer,
    ...(what && {
      workload: {
        kind: what.kind,
        ...(what.namespace !== null && { namespace: what.namespace }),
        name: what.name,
        ...(what.container !== null && { container: what.container }),
      },
    }),
    ...(asked && {
      approval: { count: asked.count, ...(asked.within !== null && { within: formatDuration(asked.within) }) },
    }),
    window: stage.windows,
    deploy_on_first: stage.deployOnFirst,
    allow_downgrade: stage.allowDowngrade,
  }
}

/** Of a definition as a whole: another one was changed since it was read. */
export function editionOf(stage: Stage): Digest {
  return digestOf(definitionOf(stage))
}

/** Of what decides which version is the newest: another one begins with a new baseline. */
export function configOf({ registry, image, selection, platform }: Stage): Digest {
  const { tags, strategy, range } = selection
  return digestOf({ registry, image, tags, strategy, range, platform: platform ? platformText(platform) : null })
}

function platformOf(written: string): Platform {
  const [os = '', architecture = '', variant] = written.split('/')
  return variant === undefined ? { os, architecture } : { os, architecture, variant }
}

function platformText({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}
