/** One stage: how it stands; and, where the config does not have it, its definition. */
import { AppError } from '../../../kernel/errors.ts'
import { route, type Caller, type Route, type RouteRequest } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import { keyOf, type Stage } from '../model.ts'
import { editionOf, stageDefinition, stageName, stageOf as stageFrom } from '../stages/definition.ts'
import { base, common, noStage, reads, stageOf, stageParams, type Asked } from './asked.ts'
import { StageItem } from './shown.ts'
import { itemsOf } from './standing.ts'

export const stagePath = `${base}/stages/:project/:stage`

type Headers = RouteRequest<never, never, never>['headers']

export function oneRoutes(parts: Asked): readonly Route[] {
  return [showStage(parts), defineStage(parts), removeStage(parts)]
}

/** The tag is of the definition alone: how a stage stands changes without anybody's doing. */
export function tagOf(stage: Stage): Readonly<Record<string, string>> {
  return { etag: `"${editionOf(stage)}"` }
}

export async function itemFor(parts: Asked, stage: Stage): Promise<StageItem> {
  const [item] = await itemsOf(parts, [stage])
  return item!
}

function showStage(parts: Asked): Route {
  return route({
    ...reads,
    path: stagePath,
    summary: 'Show a stage: what was seen, what is wanted, what runs there, what waits and why',
    params: stageParams,
    response: StageItem,
    async handle({ params, caller }) {
      const stage = await stageOf(parts, params, caller)
      return { headers: tagOf(stage), body: await itemFor(parts, stage) }
    },
  })
}

function defineStage(parts: Asked): Route {
  return route({
    ...common,
    method: 'PUT',
    path: stagePath,
    role: 'admin',
    summary: 'Define a stage, or replace its definition; not of one that the config file has',
    params: stageParams.extend({ project: stageName, stage: stageName }),
    body: stageDefinition,
    response: StageItem,
    async handle({ params, body, caller, headers }) {
      await parts.ready()
      const stage = stageFrom(params.project, params.stage, body, 'api')
      mayUse(caller, stage.deployer)
      const before = parts.book.stage(stage.key)
      // What the caller may not see is not taken from under those who may.
      if (before !== null) mayUse(caller, before.deployer)
      await parts.book.define(stage, caller.name, expectedOf(headers))
      const item = await itemFor(parts, parts.book.stage(stage.key) ?? stage)
      return { status: before === null ? 201 : 200, headers: tagOf(stage), body: item }
    },
  })
}

function removeStage(parts: Asked): Route {
  return route({
    ...common,
    method: 'DELETE',
    path: stagePath,
    role: 'admin',
    summary: 'Remove a stage; what runs there goes on running',
    params: stageParams,
    async handle({ params, caller, headers }) {
      const stage = await stageOf(parts, params, caller)
      const expected = expectedOf(headers)
      if (expected === 'absent') throw noStage(keyOf(params.project, params.stage))
      await parts.book.remove(stage.key, caller.name, ...(expected === null ? [] : [expected]))
      return {}
    },
  })
}

function mayUse(caller: Caller, deployer: string): void {
  if (maySeeSync(caller.scopes, deployer)) return
  throw new AppError('request.forbidden', 'The token is limited to other deployers.')
}

/** Whether a definition is to be the first, or to replace exactly one. */
function expectedOf(headers: Headers): 'absent' | string | null {
  if (String(headers['if-none-match'] ?? '').trim() === '*') return 'absent'
  const match = headers['if-match']
  if (match === undefined || String(match).trim() === '*') return null
  return /^"([^"]+)"$/.exec(String(match).trim())?.[1] ?? 'no edition'
}
