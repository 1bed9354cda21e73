/** A tenth of `npm run prove -- modules modules.restart`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../parts/find.ts'
import { restarts } from '../parts/modules-restart.ts'

test(
  'a restart sends only what changed, also without the ledger',
  { skip: skipWithout('docker-registry', 'openssl'), timeout: 240_000 },
  async () => {
    const nothing = { uploads: 0, deletes: 0, builds: 0 }
    const results = await restarts(10)
    assert.deepEqual(
      results.map(({ after, sent, wrong }) => [after, sent, wrong]),
      [
        ['stopped', nothing, []],
        ['killed', nothing, []],
        ['ledger-removed', nothing, []],
        ['state-removed', nothing, []],
        // One at each of two builders.
        ['stopped-and-one-moved', { uploads: 2, deletes: 0, builds: 2 }, []],
      ],
    )
    for (const { after, adopted, documents } of results) {
      if (after.endsWith('removed')) assert.equal(adopted, documents, after)
    }
  },
)
