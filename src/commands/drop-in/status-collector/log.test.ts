import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { fakeTerminal } from '../../testing/terminal.ts'
import { printGoDuration, readGoDuration } from './duration.ts'
import { createLog, loggerTo } from './log.ts'

/** Local time, as the lines have it. */
const at = new Date(2026, 10, 2, 3, 4, 5).getTime()
const clock: Clock = { now: () => at, monotonic: () => 0, sleep: () => Promise.resolve() }

function logged(say: (log: ReturnType<typeof createLog>) => void, env: Record<string, string> = {}): string {
  const { terminal, printed } = fakeTerminal({ env })
  say(createLog(terminal, clock))
  return printed.err
}

describe('lines of Go', () => {
  test('log', () => {
    const line = logged(({ print }) => print('server listening on :8095'))
    assert.equal(line, '2026/11/02 03:04:05 server listening on :8095\n')
  })

  test('slog: values are quoted where they have to be', () => {
    const fields = { method: 'POST', path: '/a b', status: 201, none: '', said: 'a="b"', back: 'a\\b', accent: 'é' }
    assert.equal(
      logged(({ tell }) => tell('INFO', 'request', fields)),
      String.raw`2026/11/02 03:04:05 INFO request method=POST path="/a b" status=201 none="" said="a=\"b\"" back=a\b accent=é` +
        '\n',
    )
  })

  test('whatever comes from outside stays in its line', () => {
    const hostile = 'a\nb\u001b[2J\u2028\u202e\u0000'
    const lines = logged(({ tell, print }) => {
      tell('INFO', 'status sent', { status: hostile })
      print(hostile)
    })
    assert.equal(lines.split('\n').length, 3)
    assert.match(lines, /status="a\\nb\\x1b\[2J\\u2028\\u202e\\x00"/)
  })

  test('LOG_LEVEL, and what the engine says', () => {
    const say = ({ tell }: ReturnType<typeof createLog>) => {
      const logger = loggerTo({ tell }).child({ sync: 's' })
      logger.debug({}, 'quiet')
      logger.info({ count: 1 }, 'loud')
      logger.warn({ err: new AppError('target.unavailable', 'no answer') }, 'failed')
    }
    assert.match(logged(say), /^\S+ \S+ INFO loud sync=s count=1\n\S+ \S+ WARN failed sync=s error="no answer"\n$/)
    assert.match(logged(say, { LOG_LEVEL: 'Debug' }), /DEBUG quiet sync=s\n/)
    assert.doesNotMatch(logged(say, { LOG_LEVEL: 'warn' }), /INFO/)
  })
})

describe('lengths of time as Go prints them', () => {
  const texts = ['0s', '1ns', '85.9µs', '1.234567ms', '1.5s', '1m0s', '1m2.5s', '1h0m0s', '100h0m0.001s', '-3ms']
  for (const text of texts) {
    test(text, () => {
      const read = readGoDuration(text)
      assert.ok('ms' in read)
      assert.equal(printGoDuration(read.ms), text)
    })
  }

  test('what is none', () => {
    const wrong = (text: string) => {
      const read = readGoDuration(text)
      return 'wrong' in read && read.wrong
    }
    assert.equal(wrong(''), 'time: invalid duration ""')
    assert.equal(wrong('.'), 'time: invalid duration "."')
    assert.equal(wrong('1hx'), 'time: unknown unit "hx" in duration "1hx"')
    assert.equal(wrong('99999999999999999999h'), 'time: invalid duration "99999999999999999999h"')
    assert.deepEqual(
      [readGoDuration('1.h'), readGoDuration('+.5s'), readGoDuration('0')],
      [{ ms: 3_600_000 }, { ms: 500 }, { ms: 0 }],
    )
  })
})
