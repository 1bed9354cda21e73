/** Tells only labels of what it holds, drops repeated effect ids, and may be another one tomorrow. */
import type { Key } from '../../source.ts'
import type { Target } from '../../target.ts'
import type { Item } from '../fake-source.ts'
import { answering, foreignContent, handle, noSiteFaults, unavailable, contentOf } from './site.ts'
import type { Disturbance, Site, Witness } from './site.ts'

export function createLabels(name: string, witness: Witness, options: { blind?: boolean } = {}): Site {
  const values = new Map<Key, number>()
  const seen = new Set<string>()
  const faults = noSiteFaults()
  let generation = 1

  const disturb = (what: Disturbance) => {
    if (what.is === 'lose') values.delete(what.key)
    if (what.is === 'overwrite' && values.has(what.key)) values.set(what.key, foreignContent)
    if (what.is === 'replace') {
      generation += 1
      seen.clear()
      if (what.empty) values.clear()
    }
    witness.disturbed(name, 'key' in what ? what.key : null)
  }

  return {
    name,
    repeat: 'keyed',
    looks: options.blind ? 'never' : 'labels',
    faults,
    holds: () => values,
    foreign: () => new Set(),
    disturb: options.blind ? () => {} : disturb,
    client(reach, fingerprint): Target<Item> {
      const handling = { site: name, faults, witness, reach }
      const target: Target<Item> = {
        name,
        fingerprint,
        traits: { repeat: 'keyed', page: 2 },
        async identity(signal) {
          await answering(handling, signal)
          return `labels-${generation}`
        },
        apply: (batch, signal) =>
          handle(handling, batch, signal, (change) =>
            reach.effect(() => {
              if (seen.has(change.effectId)) return { is: 'applied' }
              seen.add(change.effectId)
              const n = change.op === 'delete' ? null : contentOf(change)
              if (n === null) values.delete(change.key)
              else values.set(change.key, n)
              witness.did(name, { at: witness.now(), op: change.op, key: change.key, n })
              return { is: 'applied' }
            }),
          ),
      }
      if (options.blind) return target
      return {
        ...target,
        async look(_ask, signal) {
          await answering(handling, signal)
          return reach.read(() => {
            if (faults.lookDown) throw unavailable('no answer')
            const items = [...values].map(([key, n]) => ({ key, digest: null, label: witness.label(n), owned: true }))
            return { saw: 'complete', items }
          })
        },
      }
    },
  }
}
