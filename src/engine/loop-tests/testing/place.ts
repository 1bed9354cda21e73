/** A source that shows what a test puts there, scope by scope. */
import { root, scopesAbove, type Scope } from '../../scope.ts'
import type { Ask, Child, Entry, Hint, Key, Look, Same, Source, Trouble } from '../../source.ts'
import type { Item } from './shelf.ts'

type Answer = Look<Entry<Item> | Same>

export interface Place {
  /** Shows the key with this value; the root scope exists from the start, others once they are named. */
  put(key: Key, value: string, scope?: Scope, more?: Partial<Entry<Item>>): void
  drop(key: Key, scope?: Scope): void
  /** Scopes that are listed, by the nearest listed scope above them. */
  readonly scopes: Map<Scope, Map<Key, Entry<Item>>>
  readonly ranks: Map<Scope, number>
  readonly troubles: Map<Scope, Trouble[]>
  /** What a scope answers instead; may hang. */
  readonly answers: Map<Scope, (ask: Ask) => Promise<Answer> | Answer>
  /** Every look that was asked for. */
  readonly asked: Ask[]
  hint(hint: Hint): void
  source(absence: Source<Item>['absence'], roots: readonly Child[], namesAll?: boolean): Source<Item>
}

export const down: Answer = { saw: 'unavailable', why: 'source-unavailable', detail: 'connection refused' }
export const hangs = (): Promise<never> => new Promise(() => {})

export function createPlace(): Place {
  const scopes = new Map<Scope, Map<Key, Entry<Item>>>([[root, new Map()]])
  let hinted: Hint[] = []
  let wake = () => {}
  const scopeNamed = (scope: Scope) => scopes.get(scope) ?? scopes.set(scope, new Map()).get(scope)!

  const place: Place = {
    scopes,
    ranks: new Map(),
    troubles: new Map(),
    answers: new Map(),
    asked: [],
    put(key, value, scope = root, more = {}) {
      scopeNamed(scope).set(key, { key, digest: value, label: value, item: { value }, ...more })
    },
    drop: (key, scope = root) => void scopeNamed(scope).delete(key),
    hint(hint) {
      hinted.push(hint)
      wake()
    },
    source: (absence, roots, namesAll = false) => ({
      scopes: roots,
      namesAll,
      absence,
      async look(ask) {
        place.asked.push(ask)
        await Promise.resolve()
        return place.answers.get(ask.scope)?.(ask) ?? lookAt(place, ask.scope)
      },
      async *hints(signal) {
        while (!signal.aborted) {
          yield* hinted.splice(0)
          await new Promise<void>((resolve) => {
            wake = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
            if (hinted.length > 0) resolve()
          })
        }
      },
    }),
  }
  return place
}

function lookAt(place: Place, scope: Scope): Answer {
  const entries = place.scopes.get(scope)
  if (!entries) return { saw: 'unavailable', why: 'source-unavailable', detail: 'no such scope' }
  const below = [...place.scopes.keys()].filter(
    (other) => scopesAbove(other).find((above) => place.scopes.has(above)) === scope,
  )
  return {
    saw: 'complete',
    items: [...entries.values()],
    children: below.map((child) => ({ scope: child, rank: place.ranks.get(child) ?? 0 })),
    troubles: place.troubles.get(scope) ?? [],
  }
}
