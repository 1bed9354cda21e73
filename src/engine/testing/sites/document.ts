/**
 * One document that others merge: changes gather in one open proposal and are true only once
 * somebody accepts it. A proposal that proposes nothing any more is closed.
 */
import type { Key } from '../../source.ts'
import type { Batch, Change, Outcome, Target } from '../../target.ts'
import { digestOfContent, type Item } from '../fake-source.ts'
import { answering, foreignContent, handle, noSiteFaults, unavailable, contentOf, type Handling } from './site.ts'
import type { Disturbance, Site, Witness } from './site.ts'

export function createDocument(name: string, witness: Witness): Site {
  const base = new Map<Key, number>()
  /** What the open proposal changes; null removes. */
  let proposed = new Map<Key, number | null>()
  let open: number | null = null
  let opened = 0
  const faults = noSiteFaults()

  const propose = (change: Change<Item>): Outcome => {
    const { key } = change
    const n = change.op === 'delete' ? null : contentOf(change)
    if ((base.get(key) ?? null) === n) {
      if (proposed.delete(key)) witness.did(name, { at: witness.now(), op: change.op, key, n })
      return { is: 'applied' }
    }
    if (open === null) open = opened += 1
    if (!proposed.has(key) || proposed.get(key) !== n) {
      proposed.set(key, n)
      witness.did(name, { at: witness.now(), op: change.op, key, n })
    }
    return { is: 'waiting', on: 'pull-request', handle: { proposal: open }, again: 30_000 }
  }
  const disturb = (what: Disturbance) => {
    if (what.is === 'accept') {
      for (const [key, n] of proposed) {
        if (n === null) base.delete(key)
        else base.set(key, n)
      }
    }
    if (what.is === 'accept' || what.is === 'turn-down') {
      proposed = new Map()
      open = null
    }
    if (what.is === 'lose') base.delete(what.key)
    if (what.is === 'overwrite' && base.has(what.key)) base.set(what.key, foreignContent)
    if (what.is !== 'accept') witness.disturbed(name, 'key' in what ? what.key : null)
  }

  async function* apply(handling: Handling, batch: Batch<Item>, signal: AbortSignal) {
    let owing = batch.owed !== null
    yield* handle(handling, batch, signal, async (change) => {
      if (!owing) await batch.owe({ proposal: opened + 1 })
      owing = true
      return handling.reach.effect(() => propose(change))
    })
    if (!batch.last || !owing || proposed.size > 0) return
    await answering(handling, signal)
    await handling.reach.effect(() => {
      open = null
    })
    await batch.owe(null)
  }

  return {
    name,
    repeat: 'safe',
    looks: 'digests',
    faults,
    holds: () => base,
    foreign: () => new Set(),
    disturb,
    pending: () => proposed.size > 0,
    client(reach, fingerprint): Target<Item> {
      const handling = { site: name, faults, witness, reach }
      return {
        name,
        fingerprint,
        traits: { repeat: 'safe', page: 4 },
        async identity(signal) {
          await answering(handling, signal)
          return 'document'
        },
        async look(_ask, signal) {
          await answering(handling, signal)
          return reach.read(() => {
            if (faults.lookDown) throw unavailable('no answer')
            const items = [...base].map(([key, n]) => ({
              key,
              digest: digestOfContent(n),
              label: witness.label(n),
              owned: true,
            }))
            return { saw: 'complete', items }
          })
        },
        apply: (batch, signal) => apply(handling, batch, signal),
      }
    },
  }
}
