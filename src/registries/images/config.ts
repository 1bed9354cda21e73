/** The `images` section: registries, deployers, hooks, and the stages of projects. */
import { z } from 'zod'
import { duration } from '../../kernel/settings.ts'
import { notify } from '../hooks.ts'
import { commandDeployer } from './deploy/command-config.ts'
import { dockerDeployer } from './deploy/docker-config.ts'
import { kubernetesDeployer } from './deploy/kubernetes-config.ts'
import { webhookDeployer } from './deploy/webhook-config.ts'
import { hooks } from './hooks/config.ts'
import type { Stage } from './model.ts'
import { imageRegistry } from './registry-types/config.ts'
import { stageDefinition, stageName, stageOf } from './stages/definition.ts'
import { shortestPoll } from './stages/poll-interval.ts'
import { faultsOf } from './stages/rules.ts'

export const deployerTypes = ['docker', 'kubernetes', 'webhook', 'command'] as const
export type DeployerType = (typeof deployerTypes)[number]

const deployer = z
  .strictObject({
    docker: dockerDeployer.optional().describe('Containers of a Docker engine'),
    kubernetes: kubernetesDeployer.optional().describe('Workloads of a cluster'),
    webhook: webhookDeployer.optional().describe('Somebody else, who is told'),
    command: commandDeployer.optional().describe('A program of this machine'),
    at_once: z.int().min(1).max(64).default(8).describe('Stages that are deployed side by side'),
    look_every: duration({ least: 10_000 })
      .default(10 * 60_000)
      .describe('How often it is looked whether somebody else has deployed there; not by webhook and command'),
    drift: z
      .enum(['repair', 'report', 'keep'])
      .default('report')
      .describe('What to do where something else runs than what was deployed'),
    notify,
  })
  .superRefine((given, context) => {
    if (deployerTypes.filter((type) => given[type] !== undefined).length === 1) return
    const message = `says nothing of how, or two things\ngive one of ${deployerTypes.join(', ')}`
    context.addIssue({ code: 'custom', message })
  })

const project = z.strictObject({
  stages: z.record(stageName, stageDefinition).default({}).describe('Where versions of its images go'),
})

const name = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})$/, 'is no name\nuse letters, digits, dots, _ and -; at most 63')

export const ImagesConfig = z
  .strictObject({
    poll_interval: duration({ least: shortestPoll })
      .default(5 * 60_000)
      .describe('How often stages without a schedule are looked at; it can be changed while Regista runs'),
    coalesce: duration({ most: 60_000 })
      .default(1_000)
      .describe('Webhooks of one repository that come within this time are answered by one look'),
    registries: z.record(name, imageRegistry).default({}).describe('Where images are'),
    deployers: z.record(name, deployer).default({}).describe('Who brings versions to stages'),
    hooks,
    projects: z.record(stageName, project).default({}),
  })
  .superRefine((given, context) => {
    const around = { registries: registriesOf(given), deployers: deployersOf(given) }
    for (const stage of stagesOf(given)) {
      for (const { path, message } of faultsOf(stage, around)) {
        const where = ['projects', stage.project, 'stages', stage.stage, ...path]
        context.addIssue({ code: 'custom', path: where, message })
      }
    }
    for (const [of, { registry }] of Object.entries(given.hooks)) {
      if (around.registries.has(registry)) continue
      const there = [...around.registries.keys()].join(', ') || 'none yet'
      const message = `names no registry\nthere are: ${there}`
      context.addIssue({ code: 'custom', path: ['hooks', of, 'registry'], message })
    }
  })
export type ImagesConfig = z.infer<typeof ImagesConfig>
export type DeployerConfig = ImagesConfig['deployers'][string]

type Given = Pick<ImagesConfig, 'registries' | 'deployers' | 'projects'>

export function stagesOf({ projects }: Pick<Given, 'projects'>): readonly Stage[] {
  return Object.entries(projects).flatMap(([of, { stages }]) =>
    Object.entries(stages).map(([stage, definition]) => stageOf(of, stage, definition, 'config')),
  )
}

function typeOf(given: DeployerConfig): DeployerType | undefined {
  return deployerTypes.find((type) => given[type] !== undefined)
}

/** Which times a registry tells is known once it is opened (build.ts). */
function registriesOf({ registries }: Given) {
  return new Map(Object.entries(registries).map(([of, { type }]) => [of, { type, times: true }]))
}

export function deployersOf({ deployers }: Pick<Given, 'deployers'>): ReadonlyMap<string, DeployerType | undefined> {
  return new Map(Object.entries(deployers).map(([of, given]) => [of, typeOf(given)]))
}
