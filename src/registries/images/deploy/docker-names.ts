/**
 * How far a deploy has come is told by labels and names alone, for labels of a container never change and its name
 * does:
 *
 *   NAME-new-EFFECT   made; it gets no traffic before it is healthy
 *   NAME-up-EFFECT    it was healthy; traffic is being brought to it
 *   NAME              what runs
 *   NAME-old-ID       what ran before, stopped
 */
import { sha256, type Digest } from '../../../kernel/digest.ts'
import type { Stage } from '../model.ts'

export const labels = {
  project: 'regista.project',
  /** `project/stage`. */
  stage: 'regista.stage',
  tag: 'regista.tag',
  digest: 'regista.digest',
  revision: 'regista.revision',
  /** Effect id of its deploy. */
  deploy: 'regista.deploy',
  /** Digest of the settings that it was made with. */
  config: 'regista.config',
  /** Id of the container that had the name when it was made; '': none. */
  replaces: 'regista.replaces',
  /** Whether that ran: who rolls back starts it only then. */
  replacesRunning: 'regista.replaces-running',
} as const

export type Role = 'current' | 'new' | 'up' | 'old' | 'other'

export interface Names {
  readonly current: string
  readonly fresh: string
  readonly up: string
  old(id: string): string
  roleOf(name: string): Role
  /** As it is called once it is healthy. */
  upOf(name: string): string
}

const passing = /-(new|up|old)-[0-9a-f]{12}$/

/** By any template: it is on its way to a name, or has lost it. */
export const isPassing = (name: string): boolean => passing.test(name)

export function namesOf(template: string, stage: Stage, effectId: string, config: Digest): Names {
  const current = fill(template, stage)
  const short = sha256(`${effectId} ${config}`).slice(0, 12)
  return {
    current,
    fresh: `${current}-new-${short}`,
    up: `${current}-up-${short}`,
    old: (id) => `${current}-old-${id.slice(0, 12)}`,
    roleOf(name) {
      if (name === current) return 'current'
      if (!name.startsWith(`${current}-`)) return 'other'
      const found = /^(new|up|old)-[0-9a-f]{12}$/.exec(name.slice(current.length + 1))
      return (found?.[1] as Role | undefined) ?? 'other'
    },
    upOf: (name) => `${current}-up-${name.slice(-12)}`,
  }
}

/** Names of projects may hold what names of containers may not. */
export function fill(template: string, { project, stage }: Pick<Stage, 'project' | 'stage'>): string {
  const word = (text: string) => text.replaceAll(/[^A-Za-z0-9_.-]/g, '-')
  return template.replaceAll('{project}', word(project)).replaceAll('{stage}', word(stage))
}
