/**
 * `--namespace NS`: the capability of this identifier and those below it, segment by segment
 * (`chora.react` is chora.react and chora.react.forms, not chora.reactive). Neither end of the sync
 * shows anything else, so that nothing else can be written, missed or removed.
 */
import type { Ask, Entry, Key, Look, Same, Source, Trouble } from '../../../engine/source.ts'
import type { Held, Target } from '../../../engine/target.ts'
import type { Capability } from '../../../registries/capabilities/drop-in.ts'

export type Inside = (key: Key) => boolean

export function insideOf(namespace: string): Inside {
  return (key) => key === namespace || key.startsWith(`${namespace}.`)
}

/** Tells `listing` of each look which manifests of the namespace there are: it takes their identifiers to know. */
export function narrowSource(
  inner: Source<Capability>,
  inside: Inside,
  listing: (names: readonly string[]) => void,
): Source<Capability> {
  async function look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<Capability> | Same>> {
    const looked = await inner.look(ask, signal)
    if (looked.saw === 'unavailable') return looked
    const known = await ask.known()
    if (looked.saw !== 'complete') {
      listing([...known.values()].map(({ origin }) => origin ?? ''))
      return looked
    }
    const items: (Entry<Capability> | Same)[] = []
    for await (const item of looked.items) if (inside(item.key)) items.push(item)
    const origins = new Set([...known.values()].map(({ origin }) => origin))
    const troubles = troublesInside(looked.troubles ?? [], inside, origins)
    const files = items.map((item) => ('origin' in item ? item.origin : known.get(item.key)?.origin) ?? item.key)
    listing([...files, ...new Set(troubles.map(({ detail, why }) => detail ?? why))])
    return { ...looked, items, troubles }
  }
  return { ...inner, look }
}

/**
 * A file that cannot be read counts where it held one of these before, or where what is left of it, or its
 * name, says so; a trouble that names the file and one that names the key share their text.
 */
function troublesInside(
  troubles: readonly Trouble[],
  inside: Inside,
  origins: ReadonlySet<string | null>,
): readonly Trouble[] {
  const about = (trouble: Trouble) =>
    'key' in trouble
      ? inside(trouble.key)
      : origins.has(trouble.origin) || inside(trouble.origin.replace(/\.ya?ml$/, ''))
  const texts = new Set(troubles.filter(about).map(({ detail }) => detail))
  return troubles.filter((trouble) => about(trouble) || (trouble.detail !== undefined && texts.has(trouble.detail)))
}

export function narrowTarget(inner: Target<Capability>, inside: Inside): Target<Capability> {
  const look = inner.look?.bind(inner)
  if (!look) return inner
  return {
    ...inner,
    async look(ask, signal) {
      const looked = await look(ask, signal)
      if (looked.saw === 'complete') return { ...looked, items: only(looked.items, inside) }
      if (looked.saw !== 'delta') return looked
      return { ...looked, items: looked.items.filter(({ key }) => inside(key)), gone: looked.gone.filter(inside) }
    },
  }
}

async function* only(items: AsyncIterable<Held> | Iterable<Held>, inside: Inside): AsyncGenerator<Held> {
  for await (const item of items) if (inside(item.key)) yield item
}
