/** What routes share: where they are, what they are given beside the parts, and which stages a caller may see. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import type { Caller } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import type { Hooks } from '../hooks/hooks.ts'
import { keyOf, type Stage, type StageKey } from '../model.ts'
import type { ImagesParts } from './parts.ts'

export const base = '/api/v1/images'
export const tag = 'images'

/** A stage belongs to the sync of its deployer: callers with limits see and change those of their syncs. */
export const common = { within: 'filtered', tag } as const
export const reads = { ...common, method: 'GET', role: 'viewer' } as const

export const name = z.string().min(1).max(128)
export const stageParams = z.object({ project: name, stage: name })

export interface Asked extends ImagesParts {
  /** Reads what is kept in memory from the ledger, once: a command without a server begins with a request. */
  readonly ready: () => Promise<void>
  readonly hooks: Pick<Hooks, 'describe' | 'recent'>
}

export type StageNamed = z.infer<typeof stageParams>

/** A stage of a deployer that the caller may not see does not exist for it. */
export async function stageOf(parts: Asked, { project, stage }: StageNamed, caller: Caller): Promise<Stage> {
  await parts.ready()
  const found = parts.book.stage(keyOf(project, stage))
  if (found === null || !maySeeSync(caller.scopes, found.deployer)) throw noStage(keyOf(project, stage))
  return found
}

export function noStage(key: StageKey): AppError {
  return new AppError('request.not-found', `There is no stage ${key}; \`regista images ls\` lists what there is.`)
}

export function invalid(where: 'body' | 'query', field: string, detail: string): AppError {
  const errors = [{ in: where, pointer: `/${field}`, detail }]
  return new AppError('request.invalid', `${where}/${field} ${detail}`, { data: { errors } })
}
