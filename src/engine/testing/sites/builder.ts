/**
 * Takes uploads and shows them after a build, one per batch of uploads. Now and then it loses what
 * it acknowledged. It tells only labels of what it shows, or nothing at all.
 */
import type { Key } from '../../source.ts'
import type { Batch, Target } from '../../target.ts'
import type { Item } from '../fake-source.ts'
import { answering, handle, noSiteFaults, unavailable, contentOf, type Handling } from './site.ts'
import type { Disturbance, Site, Witness } from './site.ts'

export function createBuilder(name: string, witness: Witness, options: { blind?: boolean } = {}): Site {
  const uploaded = new Map<Key, number>()
  let shown = new Map<Key, number>()
  const faults = noSiteFaults()
  let generation = 1

  const build = () => {
    shown = new Map(uploaded)
    witness.did(name, { at: witness.now(), op: 'finish', key: null, n: null })
  }
  const upload = (key: Key, n: number | null) => {
    witness.did(name, { at: witness.now(), op: n === null ? 'delete' : 'put', key, n })
    if (faults.swallows && !options.blind && witness.label(1) !== witness.label(2)) {
      faults.swallows = false
      // Gone without a word: others must be allowed to send it again once they see that.
      uploaded.delete(key)
      witness.disturbed(name, key)
    } else if (n === null) uploaded.delete(key)
    else uploaded.set(key, n)
  }
  const disturb = (what: Disturbance) => {
    if (what.is === 'lose') uploaded.delete(what.key)
    if (what.is === 'lose') shown.delete(what.key)
    if (what.is === 'replace') {
      generation += 1
      if (what.empty) uploaded.clear()
      if (what.empty) shown = new Map()
    }
    witness.disturbed(name, 'key' in what ? what.key : null)
  }

  async function* apply(handling: Handling, batch: Batch<Item>, signal: AbortSignal) {
    let owing = batch.owed !== null
    yield* handle(handling, batch, signal, async (change) => {
      if (!owing) await batch.owe({ build: true })
      owing = true
      return handling.reach.effect(() => {
        upload(change.key, change.op === 'delete' ? null : contentOf(change))
        return { is: 'applied' }
      })
    })
    if (!batch.last || !owing) return
    await answering(handling, signal)
    batch.fence()
    await handling.reach.effect(build)
    await batch.owe(null)
  }

  return {
    name,
    repeat: 'safe',
    looks: options.blind ? 'never' : 'labels',
    faults,
    holds: () => shown,
    foreign: () => new Set(),
    disturb: options.blind ? () => {} : disturb,
    client(reach, fingerprint): Target<Item> {
      const handling = { site: name, faults, witness, reach }
      const target: Target<Item> = {
        name,
        fingerprint,
        traits: { repeat: 'safe', page: 3 },
        async identity(signal) {
          await answering(handling, signal)
          return `builder-${generation}`
        },
        apply: (batch, signal) => apply(handling, batch, signal),
      }
      if (options.blind) return target
      return {
        ...target,
        async look(_ask, signal) {
          await answering(handling, signal)
          return reach.read(() => {
            if (faults.lookDown) throw unavailable('no answer')
            // What is uploaded and not built looks as if it had never come.
            for (const key of [...uploaded.keys(), ...shown.keys()]) {
              if (uploaded.get(key) !== shown.get(key)) witness.disturbed(name, key)
            }
            const items = [...shown].map(([key, n]) => ({ key, digest: null, label: witness.label(n), owned: true }))
            return { saw: 'complete', items }
          })
        },
      }
    },
  }
}
