import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createLog } from './log.ts'

function opened(level?: string) {
  const lines: string[] = []
  const clock = createFakeClock({ start: Date.UTC(2026, 10, 21, 9, 8, 7, 654) })
  const env = level === undefined ? {} : { LOG_LEVEL: level }
  return { log: createLog({ out: (text) => void lines.push(text), env }, clock), lines }
}

test('the form of the original: time, level, logger, message, fields by name', () => {
  const { log, lines } = opened()
  log('info', 'watch modules', { registry: 'registry.example.io/modules' })
  log.named('sender')('warn', 'upload archive response', { status_code: 500, backend: 'a:1', gone: undefined })
  log('info', 'shutdown')
  assert.deepEqual(lines, [
    "2026-11-21T09:08:07Z INFO msg='watch modules' registry='registry.example.io/modules' \n",
    "2026-11-21T09:08:07Z WARN logger=sender msg='upload archive response' backend='a:1' status_code='500' \n",
    "2026-11-21T09:08:07Z INFO msg='shutdown' \n",
  ])
})

test('what is nested, lists and errors', () => {
  const { log, lines } = opened()
  log('info', 'x', { b: { two: 2, one: [true, 'y'] }, a: null })
  log('error', 'y', { error: new AppError('source.unavailable', 'nobody is there') })
  assert.deepEqual(
    lines.map((line) => line.slice(21)),
    [
      "INFO msg='x' a='null' b.one[0]='true' b.one[1]='y' b.two='2' \n",
      "ERROR msg='y' error='source could not be read: nobody is there' \n",
    ],
  )
})

test('one line each, and a stack only of what cannot happen', () => {
  const { log, lines } = opened()
  log('error', 'it\nbroke', { error: new TypeError('a\r\n\u001b[31mb') })
  assert.equal(lines[0]!.split('\n').length, 2)
  assert.match(lines[0]!, /ERROR msg='it\\nbroke' error='a\\x0d\\n\\x1b\[31mb' stacktrace="TypeError: .*"\n$/)
})

test('LOG_LEVEL in any case; what is none of its levels is info', () => {
  const shown = (level?: string) => {
    const { log, lines } = opened(level)
    for (const each of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log(each, 'm')
    return lines.map((line) => line.split(' ')[1])
  }
  const all = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
  for (const level of [undefined, '', 'loud', 'INFO']) assert.deepEqual(shown(level), all.slice(2))
  assert.deepEqual(shown('Trace'), all)
  assert.deepEqual(shown('debug'), all.slice(1))
  assert.deepEqual(shown('FATAL'), ['FATAL'])
})
