/** Lines on stderr as Go's packages log and slog write them: `2006/01/02 15:04:05 INFO request method=POST`. */
import type { Clock } from '../../../kernel/clock.ts'
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Terminal } from '../../terminal.ts'

export type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR'
export type Fields = Readonly<Record<string, unknown>>

export interface Log {
  /** As log.Printf: no level. */
  print(text: string): void
  /** As slog; of `WARN` on, whatever LOG_LEVEL says. */
  tell(level: Level, message: string, fields?: Fields): void
  /** Whether that would be written. */
  tells(level: Level): boolean
}

const levels: readonly Level[] = ['DEBUG', 'INFO', 'WARN', 'ERROR']

/** The original has no levels to choose: without LOG_LEVEL, all but DEBUG is written. */
export function createLog({ err, env }: Pick<Terminal, 'err' | 'env'>, clock: Clock): Log {
  const wanted = levels.indexOf((env['LOG_LEVEL'] ?? '').toUpperCase() as Level)
  const from = wanted < 0 ? levels.indexOf('INFO') : wanted
  const write = (text: string) => err(`${timeOf(new Date(clock.now()))} ${oneLine(text)}\n`)
  const tells = (level: Level) => levels.indexOf(level) >= from
  return {
    print: write,
    tells,
    tell(level, message, fields = {}) {
      if (!tells(level)) return
      const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
      write([level, message, ...pairs.map(([key, value]) => `${bare(key)}=${bare(textOf(value))}`)].join(' '))
    },
  }
}

/** What the engine and the registry say, in the same form. */
export function loggerTo({ tell }: Pick<Log, 'tell'>, own: Fields = {}): Logger {
  const say = (level: Level) => (fields: object, message: string) => {
    const { err: error, ...rest } = { ...own, ...fields } as Fields
    tell(level, message, { ...rest, ...(error !== undefined && { error }) })
  }
  return {
    debug: say('DEBUG'),
    info: say('INFO'),
    warn: say('WARN'),
    error: say('ERROR'),
    child: (fields) => loggerTo({ tell }, { ...own, ...fields }),
  }
}

/** In the time zone of the machine, as Go's. */
function timeOf(at: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('/')
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}

function textOf(value: unknown): string {
  if (value instanceof AppError) return value.detail
  if (value instanceof Error) return messageOf(value)
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

/** As slog's text form: quoted where a reader could not tell where it ends. */
function bare(text: string): string {
  return text === '' || unsafe.test(text) ? quote(text) : text
}

const unsafe = /[\s="\p{C}\p{Z}\uFFFD]/u

/** As strconv.Quote. */
export function quote(text: string): string {
  const escaped = text.replaceAll(/["\\]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    const short = shortEscapes.get(char)
    if (short !== undefined) return short
    const code = char.codePointAt(0)!
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
}

const shortEscapes = new Map([
  ['"', String.raw`\"`],
  ['\\', '\\\\'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
])

/** Text from outside begins no line of its own and moves no cursor. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (char) => quote(char).slice(1, -1))
}
