/** The plain case, as a key-value store: safe to repeat, looks tell digests and whose a key is. */
import type { Key } from '../../source.ts'
import type { Target } from '../../target.ts'
import { digestOfContent, type Item } from '../fake-source.ts'
import { answering, foreignContent, handle, noSiteFaults, unavailable, contentOf } from './site.ts'
import type { Disturbance, Site, Witness } from './site.ts'

export function createStore(name: string, witness: Witness, options: { marks?: boolean; page?: number } = {}): Site {
  const values = new Map<Key, number>()
  const owned = new Set<Key>()
  const faults = noSiteFaults()
  let revision = 1
  let generation = 1

  const write = (key: Key, n: number | null) => {
    revision += 1
    if (n === null) values.delete(key)
    else values.set(key, n)
    if (n === null) owned.delete(key)
    else owned.add(key)
    witness.did(name, { at: witness.now(), op: n === null ? 'delete' : 'put', key, n })
  }

  const disturb = (what: Disturbance) => {
    revision += 1
    if (what.is === 'lose') values.delete(what.key)
    if (what.is === 'overwrite' && values.has(what.key)) values.set(what.key, foreignContent)
    if (what.is === 'replace') {
      generation += 1
      if (what.empty) values.clear()
      if (what.empty) owned.clear()
    }
    if (what.is === 'preset' && !values.has(what.key)) {
      values.set(what.key, foreignContent)
      if (what.ours) owned.add(what.key)
    }
    witness.disturbed(name, 'key' in what ? what.key : null)
  }

  return {
    name,
    repeat: 'safe',
    looks: 'digests',
    faults,
    holds: () => values,
    foreign: () => new Set([...values.keys()].filter((key) => !owned.has(key))),
    disturb,
    client(reach, fingerprint): Target<Item> {
      const handling = { site: name, faults, witness, reach }
      return {
        name,
        fingerprint,
        traits: { repeat: 'safe', page: options.page ?? 3 },
        async identity(signal) {
          await answering(handling, signal)
          return `store-${generation}`
        },
        async look(ask, signal) {
          await answering(handling, signal)
          return reach.read(() => {
            if (faults.lookDown) throw unavailable('no answer')
            const mark = `r${revision}`
            if (options.marks && ask.mark === mark) return { saw: 'unchanged' }
            const items = [...values].map(([key, n]) => ({
              key,
              digest: digestOfContent(n),
              label: witness.label(n),
              owned: owned.has(key),
            }))
            return { saw: 'complete', items, ...(options.marks && { mark }) }
          })
        },
        apply: (batch, signal) =>
          handle(handling, batch, signal, (change) =>
            reach.effect(() => {
              write(change.key, change.op === 'delete' ? null : contentOf(change))
              return { is: 'applied' }
            }),
          ),
      }
    },
  }
}
