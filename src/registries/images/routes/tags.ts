/** Which tags there are, and which of them a pattern and a strategy take, and why. */
import { z } from 'zod'
import { createDeadline } from '../../../kernel/deadline.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Caller, type Route } from '../../../kernel/route.ts'
import { strategies, type Selection } from '../model.ts'
import type { ImageRegistry, TagList } from '../registry-types/image-registry.ts'
import { stageDefinition } from '../stages/definition.ts'
import { explain, type Explanation } from '../tags/explain.ts'
import { selectionFault } from '../tags/select.ts'
import { base, invalid, tag, type Asked } from './asked.ts'
import { checked, imageText, patternText, rangeText } from './definition-body.ts'
import { registryOf } from './version.ts'

/** Lists of ten thousands are read; an answer shows so many. */
const mostShown = 1000
const listBound = 60_000

export function tagRoutes(parts: Asked): readonly Route[] {
  return [tagList(parts), testPattern(parts)]
}

const Tag = z.object({ tag: z.string(), pushed_at: z.iso.datetime().nullable(), digest: z.string().nullable() })

function tagList(parts: Asked): Route {
  return route({
    method: 'GET',
    path: `${base}/tags`,
    role: 'viewer',
    tag,
    summary: 'List the tags of an image as its registry has them now; of images that no stage follows for operators',
    query: z.object({
      registry: z.string().max(256),
      image: imageText,
      limit: z.int().min(1).max(10_000).default(mostShown),
    }),
    response: z.object({ items: z.array(Tag), total: z.int() }),
    async handle({ query: { registry: name, image, limit }, caller, signal }) {
      await parts.ready()
      mayAsk(parts, caller, name, image)
      const list = await listOf(parts, registryOf(parts, name), image, false, signal)
      const items = list.tags.slice(0, limit).map(({ name: one, pushedAt, digest }) => {
        const at = pushedAt === undefined ? null : new Date(pushedAt).toISOString()
        return { tag: one, pushed_at: at, digest: digest ?? null }
      })
      return { body: { items, total: list.tags.length } }
    },
  })
}

/** Requests in the name of our credentials, for whatever image somebody thinks of, are no reading. */
function mayAsk({ book }: Asked, { role }: Caller, registry: string, image: string): void {
  if (role !== 'viewer' || book.stages().some((stage) => stage.registry === registry && stage.image === image)) return
  throw new AppError('request.forbidden', 'Images that no stage follows are for operators to ask about.')
}

async function listOf(
  { clock }: Asked,
  registry: ImageRegistry,
  image: string,
  times: boolean,
  signal: AbortSignal,
): Promise<TagList> {
  const deadline = createDeadline(clock, listBound, signal, `of ${registry.name}`)
  try {
    const list = await deadline.within(registry.listTags(image, deadline.signal, { times }))
    if (list !== null) return list
    throw new AppError('request.not-found', `${registry.name} has no image ${image}; its name is without the registry.`)
  } finally {
    deadline.end()
  }
}

const Tested = z.object({
  result: z.enum(['chosen', 'no-match', 'ambiguous']),
  tag: z.string().nullable().meta({ description: 'The newest' }),
  why: z.string(),
  warnings: z.array(z.string()),
  total: z.int(),
  matching: z.int(),
  tags: z
    .array(z.object({ tag: z.string(), matches: z.boolean(), why: z.string() }))
    .meta({ description: `What matches first, at most ${mostShown}` }),
})
type Tested = z.infer<typeof Tested>

const { pattern: patternRule, range: rangeRule } = stageDefinition.shape
const rules = z.object({ pattern: patternRule, range: rangeRule })

const Asking = z.strictObject({
  registry: z.string().max(256).optional(),
  image: imageText.optional().meta({ description: 'Whose tags; or `tags`' }),
  tags: z.array(z.string().max(128)).max(20_000).optional().meta({ description: 'Tags to test instead' }),
  pattern: patternText,
  strategy: z.enum(strategies).default('auto'),
  range: rangeText,
  current: z.string().max(128).optional().meta({ description: 'The tag that runs there' }),
})

function testPattern(parts: Asked): Route {
  return route({
    method: 'POST',
    path: `${base}/test-pattern`,
    role: 'viewer',
    tag,
    summary: 'Say which tags a pattern matches, which of them is the newest, and why; changes nothing',
    body: Asking,
    response: Tested,
    async handle({ body, caller, signal }) {
      const { registry: name, image, tags, strategy, current = null } = body
      const { pattern, range = null } = checked(rules, { pattern: body.pattern, range: body.range })
      const selection: Selection = { tags: pattern, strategy, range }
      const fault = selectionFault(selection)
      if (fault !== null) throw invalid('body', 'pattern', fault.replace('\n', '; '))
      if (tags !== undefined) {
        const listed = tags.map((one) => ({ name: one }))
        return { body: testedOf(explain({ selection, foldsCase: false, current, tags: listed }), null) }
      }
      if (name === undefined || image === undefined) {
        throw invalid('body', 'image', 'and registry are missing; or give tags')
      }
      await parts.ready()
      mayAsk(parts, caller, name, image)
      const registry = registryOf(parts, name)
      const list = await listOf(parts, registry, image, strategy === 'pushed', signal)
      const told = explain({ selection, foldsCase: registry.abilities.foldsCase, current, tags: list.tags })
      const needs = told.selected.is === 'needs'
      return { body: testedOf(told, needs ? await newestOf(parts, registry, image, selection, signal) : null) }
    },
  })
}

/** Times that names do not tell are the registry's to ask for. */
async function newestOf(
  { clock }: Asked,
  registry: ImageRegistry,
  image: string,
  selection: Selection,
  signal: AbortSignal,
): Promise<string | null> {
  const deadline = createDeadline(clock, listBound, signal, `of ${registry.name}`)
  try {
    return (await deadline.within(registry.getLatestTag(image, selection, deadline.signal)))?.tag ?? null
  } finally {
    deadline.end()
  }
}

function testedOf({ selected, tags, warnings }: Explanation, byTime: string | null): Tested {
  const chosen = selected.is === 'chosen' ? selected.tag : byTime
  const rows = tags.map((row) => {
    if (byTime === null || !row.matches) return row
    return { ...row, why: row.tag === byTime ? 'the last one by its time' : `${byTime} is newer by its time` }
  })
  const rank = (row: (typeof rows)[number]) => (row.tag === chosen ? 0 : row.matches ? 1 : 2)
  return {
    result: chosen !== null ? 'chosen' : selected.is === 'no-match' ? 'no-match' : 'ambiguous',
    tag: chosen,
    why: selected.is === 'chosen' ? selected.why : byTime === null ? selected.detail : 'the last one by its time',
    warnings: [...warnings],
    total: tags.length,
    matching: rows.filter((row) => row.matches).length,
    tags: rows.toSorted((a, b) => rank(a) - rank(b)).slice(0, mostShown),
  }
}
