import type { Clock, Ms } from '../kernel/clock.ts'
import type { Terminal } from './terminal.ts'
import { short } from './moment.ts'

/** Nothing is shown of what is done sooner. */
const patience: Ms = 2000
/** Between two lines where they cannot be drawn over. */
const every: Ms = 10_000

/**
 * Runs `work`; says on stderr that it still runs once it takes longer than 2 s. On a screen as one line
 * that changes and goes away, else as a line every 10 s.
 */
export async function withProgress<T>(
  { terminal, clock }: { readonly terminal: Terminal; readonly clock: Clock },
  what: string,
  work: Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const shown = show(terminal, clock, what, done.signal)
  try {
    return await work
  } finally {
    done.abort()
    await shown
  }
}

async function show(terminal: Terminal, clock: Clock, what: string, done: AbortSignal): Promise<void> {
  const began = clock.monotonic()
  await clock.sleep(patience, done)
  if (done.aborted) return
  while (!done.aborted) {
    const text = `${what} … ${short(clock.monotonic() - began)}`
    terminal.err(terminal.errScreen ? `\r\u001b[2K${text}` : `${text}\n`)
    await clock.sleep(terminal.errScreen ? 1000 : every, done)
  }
  if (terminal.errScreen) terminal.err('\r\u001b[2K')
}
