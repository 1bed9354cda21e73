import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { withProgress } from './progress.ts'
import { fakeTerminal } from './testing/terminal.ts'

async function takes(ms: number, errScreen: boolean): Promise<string> {
  const clock = createFakeClock()
  const { terminal, printed } = fakeTerminal({ errScreen })
  await clock.drive(withProgress({ terminal, clock }, 'syncing', clock.sleep(ms)))
  return printed.err
}

test('what is done within 2 s says nothing', async () => {
  assert.equal(await takes(1999, true), '')
  assert.equal(await takes(1999, false), '')
})

test('on a screen one line changes each second and goes away', async () => {
  const clear = '\r\u001b[2K'
  assert.equal(await takes(3500, true), `${clear}syncing … 2s${clear}syncing … 3s${clear}`)
})

test('elsewhere a line comes every 10 s', async () => {
  assert.equal(await takes(13_000, false), 'syncing … 2s\nsyncing … 12s\n')
})
