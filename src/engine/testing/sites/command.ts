/** A command that somebody wrote: run twice it does its work twice, and nothing can be asked of it. */
import type { Key } from '../../source.ts'
import type { Target } from '../../target.ts'
import type { Item } from '../fake-source.ts'
import { answering, handle, noSiteFaults, contentOf } from './site.ts'
import type { Site, Witness } from './site.ts'

export function createCommand(name: string, witness: Witness): Site {
  const done = new Map<Key, number>()
  const faults = noSiteFaults()
  return {
    name,
    repeat: 'unsafe',
    looks: 'never',
    faults,
    holds: () => done,
    foreign: () => new Set(),
    // Nobody else can touch what it did.
    disturb: () => {},
    client(reach, fingerprint): Target<Item> {
      const handling = { site: name, faults, witness, reach }
      return {
        name,
        fingerprint,
        traits: { repeat: 'unsafe', page: 2 },
        async identity(signal) {
          await answering(handling, signal)
          return name
        },
        apply: (batch, signal) =>
          handle(handling, batch, signal, (change) =>
            reach.effect(() => {
              const n = change.op === 'delete' ? null : contentOf(change)
              if (n === null) done.delete(change.key)
              else done.set(change.key, n)
              witness.did(name, { at: witness.now(), op: change.op, key: change.key, n })
              return { is: 'applied' }
            }),
          ),
      }
    },
  }
}
