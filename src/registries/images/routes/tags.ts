/** Which tags there are, and which of them a pattern and a strategy take, and why. */
import { z } from 'zod'
import { createDeadline } from '../../../kernel/deadline.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Caller, type Route } from '../../../kernel/route.ts'
import { strategies, type Selection } from '../model.ts'
import type { ImageRegistry, TagList } from '../registry-types/image-registry.ts'
import { stageDefinition } from '../stages/definition.ts'
import { fixedTag, matches, parsePattern } from '../tags/pattern.ts'
import { compareTags, select, selectionFault, type Selected } from '../tags/select.ts'
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

const patterns = z.object({ pattern: stageDefinition.shape.pattern })

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
      const { registry: name, image, tags, pattern, strategy, range = null, current = null } = body
      const selection: Selection = { tags: checked(patterns, { pattern }).pattern, strategy, range }
      const fault = selectionFault(selection)
      if (fault !== null) throw invalid('body', 'pattern', fault.replace('\n', '; '))
      if (tags !== undefined) {
        const from = { selection, foldsCase: false, current }
        const told = select({ ...from, tags: tags.map((one) => ({ name: one })) })
        return { body: testedOf(from, tags, told) }
      }
      if (name === undefined || image === undefined)
        throw invalid('body', 'image', 'and registry are missing; or give tags')
      await parts.ready()
      mayAsk(parts, caller, name, image)
      const registry = registryOf(parts, name)
      const from = { selection, foldsCase: registry.abilities.foldsCase, current }
      const list = await listOf(parts, registry, image, strategy === 'pushed', signal)
      const names = list.tags.map((one) => one.name)
      const told = await toldOf(parts, registry, image, { ...from, tags: list.tags }, signal)
      return { body: testedOf(from, names, told) }
    },
  })
}

type From = Omit<Parameters<typeof select>[0], 'tags'>

/** Times that names do not tell are the registry's to ask for. */
async function toldOf(
  { clock }: Asked,
  registry: ImageRegistry,
  image: string,
  from: Parameters<typeof select>[0],
  signal: AbortSignal,
): Promise<Selected> {
  const told = select(from)
  if (told.is !== 'needs') return told
  const deadline = createDeadline(clock, listBound, signal, `of ${registry.name}`)
  try {
    const found = await deadline.within(registry.getLatestTag(image, from.selection, deadline.signal))
    if (found === null) return { is: 'no-match', detail: told.detail }
    return { is: 'chosen', tag: found.tag, considered: told.tags.length, why: `${told.what} last` }
  } finally {
    deadline.end()
  }
}

function testedOf(from: From, names: readonly string[], told: Selected): Tested {
  const { selection, foldsCase } = from
  const parsed = parsePattern(selection.tags)
  if ('fault' in parsed) throw invalid('body', 'pattern', parsed.fault.replace('\n', '; '))
  const { pattern, warnings } = parsed
  const chosen = told.is === 'chosen' ? told.tag : null
  const fixed = fixedTag(pattern, { foldsCase })
  const rows = names.map((name) => {
    const does = matches(pattern, name, { foldsCase })
    return {
      tag: name,
      matches: does,
      why: does ? standingOf(selection, name, chosen, fixed) : 'no pattern matches it',
    }
  })
  const first = (row: (typeof rows)[number]) => (row.tag === chosen ? 0 : row.matches ? 1 : 2)
  return {
    result: told.is === 'needs' ? 'ambiguous' : told.is,
    tag: chosen,
    why: told.is === 'chosen' ? told.why : told.detail,
    warnings: [...warnings],
    total: names.length,
    matching: rows.filter((row) => row.matches).length,
    tags: rows.toSorted((a, b) => first(a) - first(b)).slice(0, mostShown),
  }
}

function standingOf(selection: Selection, name: string, chosen: string | null, fixed: string | null): string {
  if (name === chosen) return fixed === null ? 'the newest' : 'the one that is followed'
  if (chosen === null) return 'it matches'
  const order = compareTags(selection, name, chosen)
  if (order === null) return `it cannot be compared with ${chosen}`
  return order < 0 ? `older than ${chosen}` : `left out, though not older than ${chosen}: another kind of tag`
}
