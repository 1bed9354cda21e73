/** One stage: how it stands; and, where the config does not have it, its definition. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Caller, type Route, type RouteRequest } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import { keyOf, type Stage } from '../model.ts'
import { editionOf, stageName, stageOf as stageFrom } from '../stages/definition.ts'
import { faultsOf } from '../stages/rules.ts'
import { base, common, noStage, reads, stageOf, stageParams, type Asked } from './asked.ts'
import { DefinitionBody, readDefinition } from './definition-body.ts'
import { StageItem } from './shown.ts'
import { itemsOf } from './standing.ts'

export const stagePath = `${base}/stages/:project/:stage`

type Headers = RouteRequest<never, never, never>['headers']

const query = z.object({
  dry_run: z.boolean().default(false).meta({ description: 'Only say whether it could be done' }),
})

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
    query,
    body: DefinitionBody,
    response: StageItem,
    async handle({ params, query: { dry_run: only }, body, caller, headers }) {
      await parts.ready()
      const stage = stageFrom(params.project, params.stage, readDefinition(body), 'api')
      mayUse(caller, stage.deployer)
      const before = parts.book.stage(stage.key)
      // What the caller may not see is not taken from under those who may.
      if (before !== null) mayUse(caller, before.deployer)
      const expected = expectedOf(headers)
      if (only) return { headers: tagOf(stage), body: await checked(parts, stage, before) }
      await parts.book.define(stage, caller.name, expected)
      // As the book has it: with its image as the registry calls it.
      const defined = parts.book.stage(stage.key) ?? stage
      return { status: before === null ? 201 : 200, headers: tagOf(defined), body: await itemFor(parts, defined) }
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
    query,
    async handle({ params, query: { dry_run: only }, caller, headers }) {
      const stage = await stageOf(parts, params, caller)
      if (only) {
        refuseOwned(stage)
        return {}
      }
      const expected = expectedOf(headers)
      if (expected === 'absent') throw noStage(keyOf(params.project, params.stage))
      await parts.book.remove(stage.key, caller.name, ...(expected === null ? [] : [expected]))
      return {}
    },
  })
}

/** As `define` would answer, without writing anything. */
async function checked(parts: Asked, stage: Stage, before: Stage | null): Promise<StageItem> {
  if (before !== null) refuseOwned(before)
  const faults = faultsOf(stage, {
    registries: new Map(
      [...parts.registries].map(([key, { type, abilities }]) => [key, { type, times: abilities.times }]),
    ),
    deployers: new Map([...parts.deployers].map(([key, { type }]) => [key, type])),
  })
  if (faults.length === 0) return itemFor(parts, stage)
  const errors = faults.map(({ path, message }) => ({ in: 'body', pointer: `/${path.join('/')}`, detail: message }))
  const detail = faults.map(({ path, message }) => `${path.join('.')} ${message.replace('\n', '; ')}`).join('. ')
  throw new AppError('request.invalid', detail, { data: { errors } })
}

function refuseOwned({ key, owner }: Stage): void {
  if (owner === 'api') return
  throw new AppError('config.owned', `the stage ${key} is defined in the config file; change it there`)
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
