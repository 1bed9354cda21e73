/** Histories that once ended badly, as short as they could be made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tell, tryHistory } from '../../src/engine/testing/oracle.ts'
import type { History } from '../../src/engine/testing/history.ts'
import type { Kill } from '../../src/engine/testing/process.ts'
import type { KeyFault } from '../../src/engine/testing/sites/site.ts'
import type { Setting } from '../../src/engine/testing/world.ts'
import { onMemory } from './engine-worlds.ts'

const plain: Setting = {
  seed: 0,
  absence: { looks: 2, apart: 20_000 },
  marks: false,
  deltas: false,
  stamps: false,
  ordinals: false,
  coarseLabels: false,
  narrow: false,
  lostScope: 'unavailable',
  ranks: [0, 0, 0, 0],
  sites: ['store'],
  firstSight: 'overwrite',
  drift: 'repair',
  budget: { least: 100, share: 1, over: 3_600_000 },
  misleads: 'no',
  scheduled: false,
  oneShot: false,
}

interface Case {
  readonly was: string
  /** The process dies there. */
  readonly kill?: Kill
  readonly setting?: Partial<Setting>
  readonly steps: readonly History[]
}

const pass: History = { do: 'pass' }

/** The first put of k1 may have arrived; a second try ends otherwise; then the entry goes. */
function doubtThen(fault: KeyFault): History[] {
  const both = (is: KeyFault): History[] => [0, 1].map((site) => ({ do: 'site-key', site, key: 'k1', fault: is }))
  return [
    { do: 'put', scope: 'a', key: 'k1' },
    { do: 'put', scope: 'a', key: 'k2' },
    ...both('lost-after'),
    pass,
    ...both(fault),
    { do: 'wait', ms: 600_000 },
    pass,
    { do: 'drop', scope: 'a', key: 'k1' },
    pass,
  ]
}

const cases: readonly Case[] = [
  {
    was: 'a nested scope that is no longer listed stayed, because its parent answered `unchanged` from then on',
    setting: { marks: true },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      pass,
      { do: 'list', scope: 'a/x/z', on: false },
      { do: 'put', scope: 'a', key: 'k3' },
    ],
  },
  {
    was: 'nothing below a scope that answers in deltas was ever believed gone',
    setting: { deltas: true, absence: 'vouched' },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k5' },
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'list', scope: 'a/x/z', on: false },
    ],
  },
  {
    was: 'a list that lost a scope while the scope above was unavailable kept its mark, and the loss was forgotten',
    setting: { deltas: true, absence: 'vouched' },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k5' },
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'fault', scope: 'a', fault: { is: 'breaks-off', after: 0 } },
      { do: 'list', scope: 'a/x/z', on: false },
      pass,
    ],
  },
  {
    was: 'a scope that was listed again, but not readable, was taken for gone by an older miss',
    setting: { deltas: true, absence: { looks: 3, apart: 20_000 }, misleads: 'lists' },
    steps: [
      { do: 'put', scope: 'a/x', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k2' },
      pass,
      { do: 'fault', scope: 'a/x', fault: { is: 'breaks-off', after: 0 } },
      { do: 'blink', scope: 'a/x', key: null },
      { do: 'pass', only: [{ scope: 'a', key: 'k1' }] },
      { do: 'wait', ms: 21_000 },
      pass,
    ],
  },
  {
    was: 'an answer about the asked keys alone counted as a look at everything',
    setting: { narrow: true, absence: { looks: 3, apart: 20_000 }, misleads: 'lists' },
    steps: [
      { do: 'put', scope: 'a', key: 'k4' },
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      pass,
      { do: 'blink', scope: 'a/x/z', key: null },
      pass,
      pass,
      { do: 'wait', ms: 21_000 },
      { do: 'pass', only: [{ scope: 'a', key: 'k4' }] },
    ],
  },
  {
    was: 'a hint about a scope that is gone brought its row back, and what lay below it stayed for good',
    setting: { deltas: true, absence: 'vouched' },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      pass,
      { do: 'list', scope: 'a/x', on: false },
      { do: 'storm', hints: [{ scope: 'a' }, { scope: 'a/x', key: 'k1' }], times: 2, apart: 0 },
    ],
  },
  {
    was: 'a hint showed that a list had been wrong, and the list was not asked for again',
    setting: { marks: true, absence: { looks: 3, apart: 20_000 }, misleads: 'lists' },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k3' },
      pass,
      { do: 'blink', scope: 'a/x/z', key: null },
      pass,
      { do: 'storm', hints: [{ scope: 'a/x' }, { scope: 'a/x/z', key: 'k1' }, { scope: 'b' }], times: 2, apart: 0 },
      { do: 'list', scope: 'a/x/z', on: false },
    ],
  },
  {
    was: 'without its ledger, the engine deleted a key whose file could not be read',
    setting: { absence: 'vouched' },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k2' },
      pass,
      { do: 'trouble', scope: 'a', what: 'file', key: 'k1', on: true },
      { do: 'restart', how: 'without-ledger' },
      pass,
      pass,
    ],
  },
  {
    was: 'an empty source passed for one that is not, because of what a scope out of the config had left',
    setting: { absence: 'vouched', misleads: 'whole' },
    steps: [
      { do: 'put', scope: 'b', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k5' },
      pass,
      { do: 'config', scope: 'a', on: false },
      { do: 'empty', on: true },
      pass,
    ],
  },
  {
    was: 'agreeing to no removals made one look enough',
    setting: { misleads: 'lists' },
    steps: [
      { do: 'put', scope: 'b', key: 'k4' },
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'blink', scope: 'b', key: 'k4' },
      { do: 'pass', allowDeletes: 0 },
    ],
  },
  {
    was: 'a target that left and returned kept what had been removed meanwhile',
    setting: { absence: 'vouched', sites: ['store', 'command'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'drop', scope: 'a', key: 'k1' },
      { do: 'listed', site: 1, on: false },
      pass,
      { do: 'put', scope: 'a', key: 'k6' },
    ],
  },
  {
    was: 'a pass that had waited for a stalled scope judged by a list that a later pass had seen corrected',
    setting: { marks: true, misleads: 'lists', scheduled: true },
    steps: [
      { do: 'put', scope: 'a', key: 'k4' },
      pass,
      { do: 'fault', scope: 'a/x/z', fault: { is: 'stalls', after: 0 } },
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      { do: 'put', scope: 'a/x', key: 'k1' },
      { do: 'blink', scope: 'a/x', key: null },
      { do: 'storm', hints: [{ scope: 'a/x/z' }, { scope: 'a' }], times: 2, apart: 0 },
      { do: 'pass', allowDeletes: 1 },
      pass,
    ],
  },
  {
    was: 'one pass without a ledger left what no source had',
    setting: { absence: 'vouched', oneShot: true },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a/x', key: 'k4' },
      pass,
      { do: 'list', scope: 'a/x', on: false },
    ],
  },
  {
    was: 'what may have arrived stayed for good once a later try surely failed and the entry went',
    setting: { absence: 'vouched', sites: ['blind-builder', 'command'] },
    steps: doubtThen('fails'),
  },
  {
    was: 'what may have arrived stayed for good once a later try was rejected and the entry went',
    setting: { absence: 'vouched', sites: ['blind-builder', 'command'] },
    steps: doubtThen('rejected'),
  },
  {
    was: 'without a ledger, the engine was to know of a key that moved between two looks of its only pass',
    setting: { absence: 'vouched', oneShot: true },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k3' },
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'race', after: 'a', edit: { do: 'put', scope: 'a', key: 'k3' } },
      { do: 'drop', scope: 'a/x/z', key: 'k3' },
      pass,
    ],
  },
  {
    was: 'a command whose outcome nobody knew was run again after its key had gone and come back',
    setting: { absence: 'vouched', misleads: 'whole', sites: ['command'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      pass,
      { do: 'site-key', site: 0, key: 'k2', fault: 'lost-after' },
      { do: 'put', scope: 'a', key: 'k2' },
      pass,
      { do: 'empty', on: true },
      pass,
    ],
  },
  {
    was: 'a new identity passed for up to date by a label that the old content has, too',
    setting: { absence: 'vouched', narrow: true, coarseLabels: true, sites: ['labels'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k3' },
      pass,
      { do: 'put', scope: 'a', key: 'k3' },
      { do: 'disturb', site: 0, what: { is: 'replace', empty: false } },
    ],
  },
  {
    was: 'after a crash, a scope whose parent had a mark and that had no row yet was never looked at',
    kill: { of: 'durable', nth: 5, side: 'after' },
    setting: { absence: 'vouched', deltas: true },
    steps: [{ do: 'put', scope: 'a', key: 'k1' }, pass, { do: 'put', scope: 'a/x', key: 'k6' }, pass],
  },
  {
    was: 'after a crash, entries of a scope without a row were never judged',
    kill: { of: 'durable', nth: 3, side: 'after' },
    setting: { absence: 'vouched' },
    steps: [{ do: 'put', scope: 'a/x', key: 'k1' }, pass, { do: 'list', scope: 'a/x', on: false }],
  },
  {
    was: 'after a crash, another scope won by a rank that the ledger did not know yet',
    kill: { of: 'durable', nth: 6, side: 'after' },
    setting: { absence: 'vouched', ranks: [1, 0, 0, 0], sites: ['blind-builder'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k2' },
      { do: 'put', scope: 'a/x/z', key: 'k2' },
      pass,
      { do: 'pass', only: [{ scope: 'a/x', key: 'k1' }] },
    ],
  },
  {
    was: 'a source that emptied while the process died lost what it had shown last',
    kill: { of: 'durable', nth: 26, side: 'before' },
    setting: { absence: { looks: 3, apart: 20_000 }, deltas: true, misleads: 'whole' },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k5' },
      { do: 'put', scope: 'a/x/z', key: 'k6' },
      pass,
      pass,
      { do: 'empty', on: true },
      { do: 'storm', hints: [{ scope: 'a' }], times: 5, apart: 2000 },
      { do: 'wait', ms: 5_000 },
      { do: 'storm', hints: [{ scope: 'a' }], times: 4, apart: 2000 },
    ],
  },
  {
    was: 'with labels alone, a held change passed for done by a label that it shares with what is there',
    setting: { absence: 'vouched', coarseLabels: true, sites: ['labels'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a/x', key: 'k1' },
      { do: 'fault', scope: 'a/x', fault: { is: 'breaks-off', after: 0 } },
      pass,
      { do: 'drop', scope: 'a', key: 'k1' },
      pass,
    ],
  },
  {
    was: 'with labels alone, what may not have arrived passed for done by a label that it shares with what is there',
    setting: { absence: 'vouched', coarseLabels: true, sites: ['labels'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k1' },
      { do: 'put', scope: 'a', key: 'k6' },
      pass,
      { do: 'put', scope: 'a', key: 'k6' },
      { do: 'site', site: 0, faults: { breaksAfter: 0 } },
      { do: 'list', scope: 'a', on: false },
      pass,
    ],
  },
  {
    was: 'what was there was not to be sent again, though another change might have arrived since',
    setting: { absence: 'vouched', misleads: 'whole', scheduled: true, sites: ['blind-labels'] },
    steps: [
      { do: 'put', scope: 'a', key: 'k5' },
      { do: 'put', scope: 'b', key: 'k5' },
      pass,
      { do: 'config', scope: 'b', on: false },
      { do: 'site', site: 0, faults: { breaksAfter: 0 } },
      { do: 'empty', on: true },
      { do: 'wait', ms: 600_000 },
    ],
  },
  {
    was: 'what the config left out and named again stayed orphaned where nobody listed it any more',
    setting: { absence: 'vouched' },
    steps: [
      { do: 'put', scope: 'a/x/z', key: 'k1' },
      pass,
      { do: 'config', scope: 'a', on: false },
      pass,
      { do: 'config', scope: 'a', on: true },
      { do: 'list', scope: 'a/x/z', on: false },
    ],
  },
  {
    was: 'a doubt was forgotten where a second hold came over the first',
    kill: { of: 'durable', nth: 14, side: 'after' },
    setting: { absence: 'vouched', sites: ['command'] },
    steps: [{ do: 'put', scope: 'a', key: 'k1' }, pass, { do: 'drop', scope: 'a', key: 'k1' }],
  },
  {
    was: 'a due time with a fraction of a millisecond broke the pass',
    steps: [{ do: 'put', scope: 'a', key: 'k1' }, { do: 'site-key', site: 0, key: 'k1', fault: 'silent-before' }, pass],
  },
]

for (const { was, setting, steps, kill } of cases) {
  test(`no longer: ${was}`, async () => {
    const parts = { ...onMemory, setting: { ...plain, ...setting }, ...(kill && { kill }) }
    const verdict = await tryHistory(parts, steps)
    assert.deepEqual(verdict.violations, [], tell(verdict, parts, steps))
  })
}
