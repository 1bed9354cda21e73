/** The contracts of sources and targets, kept by the fakes, so that the fakes are worth what is proved on them. */
import assert from 'node:assert/strict'
import { createFakeClock } from './fake-clock.ts'
import { at, createFakeSource, digestOfContent, labelOfContent, noFaults, type Item } from './fake-source.ts'
import { createProcess } from './process.ts'
import { createBuilder } from './sites/builder.ts'
import { createCommand } from './sites/command.ts'
import { createDocument } from './sites/document.ts'
import { createLabels } from './sites/labels.ts'
import type { Site, Witness } from './sites/site.ts'
import { createStore } from './sites/store.ts'
import { sourceContract } from './source-contract.ts'
import { targetContract } from './target-contract.ts'
import { createTold, createTruth } from './truth.ts'
import type { Journal } from '../journal.ts'

const reach = () => createProcess({ clock: createFakeClock(), journal: {} as Journal }).reach

for (const answers of ['complete', 'marks', 'deltas', 'stamps'] as const) {
  sourceContract(`fake source that answers with ${answers}`, () => {
    const truth = createTruth([{ scope: 'a', rank: 0 }])
    const faults = noFaults()
    const told = createTold()
    for (const key of ['k1', 'k2']) truth.put('a', key, key)
    const setting = {
      absence: 'vouched',
      marks: answers === 'marks',
      deltas: answers === 'deltas',
      stamps: answers === 'stamps',
      ordinals: false,
      coarseLabels: false,
      narrow: false,
      lostScope: 'unavailable',
    } as const
    const source = createFakeSource({
      truth,
      told: () => told,
      faults,
      setting,
      reach: reach(),
      clock: createFakeClock(),
    })
    return Promise.resolve({
      source,
      scope: 'a',
      async add() {
        truth.put('a', 'k3', 'k3')
        return 'k3'
      },
      edit: async (key: string) => void truth.put('a', key, key),
      remove: async (key: string) => truth.drop('a', key),
      async spoil(key: string) {
        faults.keys.add(at('a', key))
        truth.touch('a', key)
      },
      async breakDown() {
        faults.scopes.set('a', { is: 'breaks-off', after: 1 })
        return async () => void faults.scopes.delete('a')
      },
      close: () => Promise.resolve(),
    })
  })
}

const witness: Witness = {
  asked: () => {},
  did: () => {},
  unclear: () => {},
  disturbed: () => {},
  now: () => 0,
  label: (content) => labelOfContent(content, false),
}

const sites: readonly ((witness: Witness) => Site)[] = [
  (one) => createStore('store', one),
  (one) => createStore('marked store', one, { marks: true, page: 1 }),
  (one) => createBuilder('builder', one),
  (one) => createBuilder('blind builder', one, { blind: true }),
  (one) => createDocument('document', one),
  (one) => createCommand('command', one),
  (one) => createLabels('labels', one),
]

for (const create of sites) {
  const { name } = create(witness)
  targetContract(`fake ${name}`, () => {
    const site = create(witness)
    assert.equal(site.name, name)
    return Promise.resolve({
      target: site.client(reach(), 'f1'),
      keys: ['k1', 'k2', 'k3'],
      entry: (key: string, n: number) => ({
        key,
        digest: digestOfContent(n),
        label: labelOfContent(n, false),
        item: { content: n } satisfies Item,
      }),
      settle: async () => site.disturb({ is: 'accept' }),
      ...(site.looks !== 'never' && { tamper: async (key: string) => site.disturb({ is: 'lose', key }) }),
      async breakDown() {
        site.faults.down = true
        return async () => {
          site.faults.down = false
        }
      },
      close: () => Promise.resolve(),
    })
  })
}
