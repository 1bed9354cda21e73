import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { createAccess, readTokens } from './access.ts'

test('a file of tokens, that may change', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-tokens-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'tokens')
  const clock = createFakeClock({ start: 0 })
  const said: string[] = []
  const tell = (_: string, message: string) => void said.push(message)
  const log = { print: () => {}, tells: () => true, tell }
  const write = (text: string) => writeFileSync(file, text)

  assert.throws(() => readTokens(file, { clock, log }), /COLLECTOR_TOKENS_FILE: ENOENT/)
  write('one hush\ntwo\n')
  assert.throws(
    () => readTokens(file, { clock, log }),
    (thrown: Error) => {
      return /line 2 of .* is not "CLUSTER TOKEN"/.test(thrown.message) && !thrown.message.includes('hush')
    },
  )

  write('# ours\none hush\r\n\n*  all \n')
  const { admit } = createAccess(readTokens(file, { clock, log }), {
    verify: (bearer) => {
      const caller = { name: 'account', role: 'operator', scopes: null, subject: 'three' } as const
      return Promise.resolve(bearer === 'signed' ? { caller, until: 1 } : null)
    },
  })
  const as = async (authorization?: string) => (await admit({ headers: { authorization } } as IncomingMessage)).cluster
  assert.deepEqual([await as('Bearer hush'), await as('bearer all'), await as('Bearer signed')], ['one', null, 'three'])
  for (const wrong of [undefined, 'Bearer', 'Bearer nope', 'Basic hush', 'Bearer hus']) {
    await assert.rejects(as(wrong), { code: 'request.unauthenticated' }, wrong)
  }

  write('one other\n')
  await clock.advance(1_000)
  assert.equal(await as('Bearer other'), 'one')
  await assert.rejects(as('Bearer hush'), { code: 'request.unauthenticated' })
  write('spoiled\n')
  await clock.advance(5_000)
  assert.equal(await as('Bearer other'), 'one')
  assert.deepEqual(said, ['changed tokens cannot be used yet'])
})
