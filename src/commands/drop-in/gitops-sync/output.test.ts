import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { createLog, listBlock, localTime, statisticsBlock } from './output.ts'

function lines(env: Record<string, string>): string[] {
  const printed: string[] = []
  const log = createLog({ err: (text) => void printed.push(text), env }, createFakeClock())
  for (const level of ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const) log(level, 'said')
  return printed.map((line) => /- (\w+) - said\n$/.exec(line)![1]!)
}

test('LOG_LEVEL counts, INFO where it is none', () => {
  assert.deepEqual(lines({ LOG_LEVEL: 'debug' }), ['DEBUG', 'INFO', 'WARNING', 'ERROR'])
  for (const env of [{}, { LOG_LEVEL: '' }, { LOG_LEVEL: ' Info ' }]) assert.equal(lines(env as never).length, 3)
  assert.deepEqual(lines({ LOG_LEVEL: 'WARN' }), ['WARNING', 'ERROR'])
  assert.deepEqual(lines({ LOG_LEVEL: 'ERROR' }), ['ERROR'])
  assert.deepEqual(lines({ LOG_LEVEL: 'critical' }), [])
})

test('a LOG_LEVEL that is none is told of once and means INFO', () => {
  const printed: string[] = []
  const log = createLog({ err: (text) => void printed.push(text), env: { LOG_LEVEL: 'chatty' } }, createFakeClock())
  log('DEBUG', 'said')
  log('INFO', 'said')
  assert.equal(printed.length, 2)
  assert.match(printed[0]!, / - WARNING - LOG_LEVEL is "chatty", which is none of DEBUG, INFO/)
})

test('times by the clock on the wall, with a comma', () => {
  const at = new Date(2025, 10, 5, 9, 8, 7, 6).getTime()
  assert.equal(localTime(at), '2025-11-05 09:08:07,006')
})

test('nothing in a message moves the cursor, and lines of it stay lines', () => {
  const printed: string[] = []
  const log = createLog({ err: (text) => void printed.push(text), env: {} }, createFakeClock())
  log('INFO', 'one\n  two\u001b[31m\u009b\rthree')
  assert.ok(printed[0]!.endsWith(' - gitops-sync - INFO - one\n  two\\x1b[31m\\x9b\\x0dthree\n'))
})

test('the statistics block, without a last sync where there was none', () => {
  const rule = '='.repeat(80)
  const counts = { files: 3, synced: 1, skipped: 1, errors: 1 }
  const body = 'Total files: 3\nSynced: 1\nSkipped (unchanged): 1\nErrors: 1\n'
  const head = `\n${rule}\nGitOps Sync Statistics\n${rule}\n${body}`
  assert.equal(statisticsBlock({ ...counts, lastSync: null }), `${head}${rule}\n\n`)
  const at = Date.UTC(2025, 10, 15, 1, 2, 3)
  assert.equal(statisticsBlock({ ...counts, lastSync: at }), `${head}Last sync: 2025-11-15T01:02:03\n${rule}\n\n`)
  assert.equal(
    statisticsBlock({ ...counts, lastSync: at + 45 }),
    `${head}Last sync: 2025-11-15T01:02:03.045000\n${rule}\n\n`,
  )
})

test('the list', () => {
  assert.equal(listBlock([]), '\nFound 0 capability/ies in etcd:\n\n\n')
  assert.equal(listBlock(['a', 'b']), '\nFound 2 capability/ies in etcd:\n\n  - a\n  - b\n\n')
})
