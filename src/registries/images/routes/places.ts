/** What stages name: registries, the repositories in them that are looked at, and deployers. */
import { z } from 'zod'
import { pageOf, nextLink, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import { base, reads, tag, type Asked } from './asked.ts'
import { stagesFor } from './list.ts'
import { timeOf } from './shown.ts'

export function placeRoutes(parts: Asked): readonly Route[] {
  return [registryList(parts), deployerList(parts), placeList(parts)]
}

const Registry = z.object({
  name: z.string(),
  type: z.string(),
  host: z.string(),
  abilities: z.record(z.string(), z.unknown()).meta({ description: 'What this kind of registry can do' }),
  stages: z.int(),
  repositories: z.int(),
  failing: z.int().meta({ description: 'Repositories whose last look failed' }),
})

function registryList(parts: Asked): Route {
  return route({
    method: 'GET',
    role: 'viewer',
    tag,
    path: `${base}/registries`,
    summary: 'List registries of the configuration, with what each kind can do; no credentials',
    response: z.object({ items: z.array(Registry) }),
    async handle() {
      await parts.ready()
      const stages = parts.book.stages()
      const places = parts.watch.places()
      const items = [...parts.registries.values()].map(({ name, type, host, abilities }) => {
        const of = places.filter(({ registry }) => registry === name)
        return {
          name,
          type,
          host,
          abilities: { ...abilities },
          stages: stages.filter(({ registry }) => registry === name).length,
          repositories: of.length,
          failing: of.filter(({ failures }) => failures > 0).length,
        }
      })
      return { body: { items } }
    },
  })
}

const Deployer = z.object({
  name: z.string().meta({ description: 'Of its sync, too: `regista status NAME`' }),
  type: z.string(),
  repeat: z.enum(['keyed', 'unsafe']).meta({ description: 'unsafe: at most once, and then a person is asked' }),
  abortable: z.boolean(),
  looks: z.boolean().meta({ description: 'It can tell what runs there' }),
  bound: z.string().meta({ description: 'Longest that a deploy may take' }),
  stages: z.int(),
})

function deployerList(parts: Asked): Route {
  return route({
    ...reads,
    path: `${base}/deployers`,
    summary: 'List deployers of the configuration; nothing of their settings',
    response: z.object({ items: z.array(Deployer) }),
    async handle({ caller }) {
      await parts.ready()
      const stages = parts.book.stages()
      const items = [...parts.deployers.values()]
        .filter(({ name }) => maySeeSync(caller.scopes, name))
        .map(({ name, type, repeat, abortable, looks, bound }) => {
          const count = stages.filter(({ deployer }) => deployer === name).length
          return { name, type, repeat, abortable, looks, bound: formatDuration(bound), stages: count }
        })
      return { body: { items } }
    },
  })
}

const Place = z.object({
  registry: z.string(),
  image: z.string(),
  stages: z.array(z.string()),
  looked_at: z.iso.datetime().nullable(),
  next_at: z.iso.datetime().nullable(),
  slowed_down: z.boolean(),
  looking: z.boolean(),
  failures: z.int().meta({ description: 'Looks in a row that failed' }),
  requests: z.int().meta({ description: 'Of the last look' }),
})

function placeList(parts: Asked): Route {
  const path = `${base}/places`
  return route({
    ...reads,
    path,
    summary: 'List repositories that are looked at, with when and how often',
    query: z.object({ ...pageQuery, registry: z.string().max(256).optional() }),
    response: pageOf(Place),
    async handle({ query, caller }) {
      const [afterRegistry = '', afterImage = ''] = (positionOf(path, query) ?? []).map(String)
      const visible = new Set((await stagesFor(parts, caller, {})).map(({ key }) => key))
      const isAfter = (registry: string, image: string) =>
        registry > afterRegistry || (registry === afterRegistry && image > afterImage)
      const all = parts.watch
        .places()
        .filter(({ registry }) => query.registry === undefined || query.registry === registry)
        .filter(({ stages }) => caller.scopes === null || stages.some((key) => visible.has(key)))
        .filter(({ registry, image }) => isAfter(registry, image))
        .toSorted((a, b) =>
          a.registry === b.registry ? (a.image < b.image ? -1 : 1) : a.registry < b.registry ? -1 : 1,
        )
      const page = all.slice(0, query.limit)
      const last = all.length > page.length ? page.at(-1) : undefined
      const items = page.map((place): z.infer<typeof Place> => {
        const { registry, image, stages, lookedAt, nextAt, slowedDown, looking, failures, requests } = place
        return {
          registry,
          image,
          stages: stages.filter((key) => visible.has(key)),
          looked_at: timeOf(lookedAt),
          next_at: timeOf(nextAt),
          slowed_down: slowedDown,
          looking,
          failures,
          requests,
        }
      })
      const next = last === undefined ? null : nextLink(path, query, [last.registry, last.image])
      return { body: { items, next } }
    },
  })
}
