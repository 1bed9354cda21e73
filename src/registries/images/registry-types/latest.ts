/** The newest of the tags of an image: one HEAD where one tag is followed, else a list and at most one HEAD. */
import { AppError } from '../../../kernel/errors.ts'
import type { Selection, Version } from '../model.ts'
import { fixedTag, parsePattern } from '../tags/pattern.ts'
import { select, type Selected, type TagTimes } from '../tags/select.ts'
import type { ImageRegistry, TagList } from './image-registry.ts'

type Asked = Pick<ImageRegistry, 'name' | 'abilities' | 'listTags' | 'digestOf' | 'createdAt'>

/** Of tags whose times of building are asked for; each costs some requests the first time. */
const mostAsked = 1000

/** Throws `source.invalid` where it cannot be told which is the newest. */
export async function latestTag(
  registry: Asked,
  image: string,
  selection: Selection,
  signal: AbortSignal,
): Promise<Version | null> {
  const { foldsCase } = registry.abilities
  const parsed = parsePattern(selection.tags)
  if ('fault' in parsed) throw new AppError('config.invalid', parsed.fault.replace('\n', '; '))
  const fixed = fixedTag(parsed.pattern, { foldsCase })
  if (fixed !== null) {
    const digest = await registry.digestOf(image, fixed, signal)
    return digest === null ? null : { tag: fixed, digest, at: null }
  }
  const list = await registry.listTags(image, signal, { times: selection.strategy === 'pushed' })
  if (list === null) return null
  const { chosen, tags } = await choose(registry, image, selection, list, signal)
  if (chosen === null) return null
  const listed = list.tags.find(({ name }) => name === chosen)
  const digest = listed?.digest ?? (await registry.digestOf(image, chosen, signal))
  if (digest === null) return null
  const { pushedAt, createdAt } = tags.find(({ name }) => name === chosen) ?? {}
  return { tag: chosen, digest, at: (selection.strategy === 'created' ? createdAt : pushedAt) ?? null }
}

interface Choice {
  readonly chosen: string | null
  readonly tags: readonly TagTimes[]
}

async function choose(
  registry: Asked,
  image: string,
  selection: Selection,
  list: TagList,
  signal: AbortSignal,
): Promise<Choice> {
  const { foldsCase, times } = registry.abilities
  const ambiguous = (detail: string) => new AppError('source.invalid', `${registry.name}/${image}: ${detail}`)
  let tags: readonly TagTimes[] = list.tags
  for (let turn = 0; ; turn++) {
    const found: Selected = select({ tags, selection, foldsCase, current: null })
    if (found.is === 'chosen') return { chosen: found.tag, tags }
    if (found.is === 'no-match') return { chosen: null, tags }
    if (found.is === 'ambiguous') throw ambiguous(found.detail)
    const askable = found.what === 'pushed' ? times : found.tags.length <= mostAsked
    if (turn > 0 || !askable) throw ambiguous(found.detail)
    tags =
      found.what === 'pushed'
        ? withPushed(tags, await registry.listTags(image, signal, { times: true }))
        : await withCreated(registry, image, list, found.tags, signal)
  }
}

function withPushed(tags: readonly TagTimes[], timed: TagList | null): readonly TagTimes[] {
  const times = new Map(timed?.tags.map(({ name, pushedAt }) => [name, pushedAt]))
  return tags.map((tag) => ({ ...tag, pushedAt: times.get(tag.name) ?? null }))
}

async function withCreated(
  registry: Asked,
  image: string,
  { tags }: TagList,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<readonly TagTimes[]> {
  const asked = new Set(wanted)
  return Promise.all(
    tags.map(async (tag) => {
      if (!asked.has(tag.name)) return tag
      const digest = tag.digest ?? (await registry.digestOf(image, tag.name, signal))
      return { ...tag, createdAt: digest === null ? null : await registry.createdAt(image, digest, signal) }
    }),
  )
}
