/** Lists of stages and of projects. */
import { z } from 'zod'
import { nextLink, pageOf, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Caller, type Route } from '../../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../../kernel/visible.ts'
import { results, type Stage } from '../model.ts'
import { stageStates, stateOf } from '../stage-state.ts'
import { base, reads, type Asked } from './asked.ts'
import { StageItem } from './shown.ts'
import { itemsOf, troubled } from './standing.ts'

const word = z.string().max(256).optional()

export const stageFilters = {
  project: word,
  registry: word,
  image: word,
  deployer: word,
  result: z.enum(results).optional().meta({ description: 'What the last look came to' }),
  state: z.enum(stageStates).optional().meta({ description: 'How the deploy of what is wanted stands' }),
}
type Filters = z.infer<z.ZodObject<typeof stageFilters>>

export function listRoutes(parts: Asked): readonly Route[] {
  return [stageList(parts), projectList(parts)]
}

/** All that the caller may see, in the order of their keys. */
export async function stagesFor(parts: Asked, caller: Caller, filters: Filters): Promise<readonly Stage[]> {
  visibleSyncs(caller, filters.deployer)
  await parts.ready()
  const { project, registry, image, deployer, result, state } = filters
  const is = (wanted: string | undefined, has: string | null) => wanted === undefined || wanted === has
  const found = parts.book
    .stages()
    .filter(
      (stage) =>
        maySeeSync(caller.scopes, stage.deployer) &&
        is(project, stage.project) &&
        is(registry, stage.registry) &&
        is(image, stage.image) &&
        is(deployer, stage.deployer) &&
        is(result, parts.book.state(stage.key).result),
    )
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  if (state === undefined) return found
  return found.filter(({ key }) => stateOf(parts.deploys.of(key)?.state ?? null) === state)
}

function stageList(parts: Asked): Route {
  const path = `${base}/stages`
  return route({
    ...reads,
    path,
    summary: 'List stages: what was seen, what is wanted and what runs there',
    query: z.object({ ...pageQuery, ...stageFilters }),
    response: pageOf(StageItem),
    async handle({ query, caller }) {
      const [after] = positionOf(path, query) ?? []
      const all = await stagesFor(parts, caller, query)
      const rest = after === undefined ? all : all.filter(({ key }) => key > String(after))
      const page = rest.slice(0, query.limit)
      const items = await itemsOf(parts, page)
      const last = rest.length > page.length ? page.at(-1) : undefined
      return { body: { items, next: last === undefined ? null : nextLink(path, query, [last.key]) } }
    },
  })
}

const Project = z.object({
  project: z.string(),
  stages: z.array(z.string()),
  states: z.record(z.string(), z.int()).meta({ description: 'How many of its stages by state' }),
  troubled: z.int().meta({ description: 'Stages whose last look did not find a version that may go' }),
})

function projectList(parts: Asked): Route {
  return route({
    ...reads,
    path: `${base}/projects`,
    summary: 'List projects with how their stages stand',
    response: z.object({ items: z.array(Project) }),
    async handle({ caller }) {
      const stages = await stagesFor(parts, caller, {})
      const items = [...Map.groupBy(stages, ({ project }) => project)].map(([project, of]) => {
        const states: Record<string, number> = {}
        for (const { key } of of) {
          const state = stateOf(parts.deploys.of(key)?.state ?? null)
          states[state] = (states[state] ?? 0) + 1
        }
        const wrong = of.filter(({ key }) => troubled.includes(parts.book.state(key).result ?? 'unchanged'))
        return { project, stages: of.map(({ stage }) => stage), states, troubled: wrong.length }
      })
      return { body: { items } satisfies { items: z.infer<typeof Project>[] } }
    },
  })
}
