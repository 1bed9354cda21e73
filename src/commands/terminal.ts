/** What a command has of the outside: streams, width, colours. Passed in, so that tests own it. */
import { isatty } from 'node:tty'
import { styleText } from 'node:util'

export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Somebody reads stdout on a screen: tables get a width and colours. */
  readonly screen: boolean
  /** The same of stderr: progress may be drawn over. */
  readonly errScreen: boolean
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  paint(style: Style, text: string): string
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

export function processTerminal(from: NodeJS.Process = process): Terminal {
  const { stdout, stderr, env } = from
  const unlessGone = (then: () => void) => (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    then()
  }
  // A reader that has seen enough (`| head`) is no error, and ends what would go on for ever.
  stdout.on(
    'error',
    unlessGone(() => from.exit(0)),
  )
  stderr.on(
    'error',
    unlessGone(() => {}),
  )
  // Lines of one turn go in one write: ten thousand writes to a pipe take longer than what they tell of.
  let lines = ''
  const flush = () => {
    if (lines !== '') stderr.write(lines)
    lines = ''
  }
  from.on('exit', flush)
  const screen = isatty(stdout.fd)
  const colours = screen && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return {
    out(text) {
      flush()
      stdout.write(text)
    },
    err(text) {
      if (lines === '') setImmediate(flush)
      lines += text
    },
    screen,
    errScreen: isatty(stderr.fd) && env['TERM'] !== 'dumb',
    columns: stdout.columns ?? 80,
    env,
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  }
}

/**
 * Text from outside as one line that cannot move the cursor or break a column: control characters are
 * shown as escapes.
 */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters it is for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) =>
    char === '\n' ? '\\n' : char === '\t' ? '\\t' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
