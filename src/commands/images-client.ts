/** What the commands about images share: the names of stages, paths, and what the API answers. */
import { InvalidArgumentError } from 'commander'
import { segment } from './client.ts'

export const base = '/api/v1/images'

/** `shop/production`, as people write it. */
export interface StageName {
  readonly project: string
  readonly stage: string
}

export function stageName(text: string): StageName {
  const [, project, stage] = /^([^/\s]+)\/([^/\s]+)$/.exec(text) ?? []
  if (project !== undefined && stage !== undefined) return { project, stage }
  throw new InvalidArgumentError('It takes PROJECT/STAGE.')
}

export function pathOf({ project, stage }: StageName): string {
  return `${base}/stages/${segment(project)}/${segment(stage)}`
}

export function keyOf({ project, stage }: StageName): string {
  return `${project}/${stage}`
}

export interface Version {
  readonly tag: string
  readonly digest: string
}

/** As the API shows it. */
export interface Stage extends StageName {
  readonly owner: string
  readonly registry: string
  readonly image: string
  readonly reference: string | null
  readonly deployer: string
  readonly definition: Readonly<Record<string, unknown>>
  readonly state: string
  readonly reason: string | null
  readonly why: string | null
  readonly next: string | null
  readonly result: string | null
  readonly detail: string | null
  readonly result_at: string | null
  readonly last_polled_tag: string | null
  readonly last_polled_at: string | null
  readonly next_poll_at: string | null
  readonly looking: boolean
  readonly slowed_down: boolean
  readonly baseline: Version | null
  readonly seen: (Version & { readonly revision: string; readonly at: string | null }) | null
  readonly candidate: (Version & { readonly revision: string }) | null
  readonly deployed: {
    readonly tag: string | null
    readonly digest: string | null
    readonly revision: string | null
    readonly at: string | null
    readonly took: string | null
    readonly ref: string | null
    readonly detail: string | null
  } | null
  readonly previous: Version | null
  readonly pin: (Version & By) | null
  readonly paused: By | null
  readonly approvals: { readonly needed: number; readonly by: readonly { readonly name: string }[] } | null
  readonly holds: readonly {
    readonly id: string
    readonly reason: string
    readonly why: string
    readonly until: string | null
    readonly next: string
  }[]
  readonly progress: { readonly step: string; readonly since: string } | null
  readonly attempts: number
  readonly retry_at: string | null
}

interface By {
  readonly at: string
  readonly by: string
  readonly reason: string | null
}

/** What became of an action. */
export interface Acted {
  readonly done: boolean
  readonly what: string
  readonly version: Version | null
  readonly revision: string | null
  readonly stage: Stage
}

/** Results of a look that leave open what is the newest. */
export function isTroubled({ result }: Pick<Stage, 'result'>): boolean {
  return result !== null && !['first', 'unchanged', 'new', 'moved'].includes(result)
}
