import type { Terminal } from '../terminal.ts'

/** A terminal that keeps what was printed. */
export function fakeTerminal(given: Partial<Pick<Terminal, 'screen' | 'errScreen' | 'columns' | 'env'>> = {}) {
  const printed = { out: '', err: '' }
  const terminal: Terminal = {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    screen: false,
    errScreen: false,
    columns: 80,
    env: {},
    paint: (style, text) => (given.screen === true ? `<${style}>${text}</${style}>` : text),
    ...given,
  }
  return { terminal, printed }
}
