import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../kernel/logger.ts'
import type { Stage } from '../model.ts'
import type { StageState } from './book.ts'
import { reconsiderStages } from './reconsider.ts'
import { blankRow, stateOf } from './state.ts'
import { stageFor } from './testing/stages.ts'

test('gates are asked again when what they go by has changed, and not for each look', async () => {
  const key = 'shop/production'
  let stage: Stage | null = stageFor()
  let state: StageState = stateOf(blankRow(key), null)
  let told = (_key: string) => {}
  const asked: string[] = []
  const end = reconsiderStages({
    book: {
      stages: () => (stage ? [stage] : []),
      stage: () => stage,
      state: () => state,
      subscribe(listener) {
        told = listener
        return () => {
          told = () => {}
        }
      },
    },
    engine: () => ({
      reconsider(sync, of) {
        asked.push(`${sync} ${of}`)
        return asked.length === 1 ? Promise.reject(new Error('no answer')) : Promise.resolve()
      },
    }),
    logger: silentLogger,
  })
  const after = (change: Partial<StageState>) => {
    state = { ...state, ...change }
    told(key)
    return asked.splice(0).length
  }
  assert.equal(after({ result: 'new', resultAt: 1, detail: 'x' }), 0)
  assert.equal(after({ paused: { at: 1, by: 'ann', reason: null } }), 1)
  assert.equal(after({ paused: null }), 1)
  assert.equal(after({ approvals: { revision: 'r', by: [{ name: 'ann', at: 1 }] } }), 1)
  assert.equal(after({ asked: { revision: 'r', by: 'ann', force: true } }), 1)
  assert.equal(after({ baseline: { tag: 'v1', digest: 'd', at: null } }), 1)
  stage = stageFor(key, { window: 'Sat 22:00-23:00' })
  assert.equal(after({}), 1)
  stage = null
  assert.equal(after({ paused: null }), 0)
  await end()
  stage = stageFor()
  assert.equal(after({ generation: 1 }), 0)
})
