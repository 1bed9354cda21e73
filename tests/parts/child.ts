/** A process that a test started, and what it says. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface Child {
  readonly stdout: () => string
  readonly stderr: () => string
  /** It has ended. */
  over(): boolean
  /** Sends the signal and resolves to the exit code; kills after `patience` milliseconds and answers null. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Resolves once `found` finds something; throws, with all that was said, when it ends or a minute is over. */
  until<T>(what: string | RegExp, found: () => T | null): Promise<T>
}

export function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[stream]!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return () => text
}

export function follow(child: ChildProcess, patience = 30_000): Child {
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  const ended = once(child, 'exit') as Promise<[number | null]>
  const over = () => child.exitCode !== null || child.signalCode !== null
  return {
    stdout,
    stderr,
    over,
    async stop(signal = 'SIGTERM') {
      if (!over()) child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), patience)
      const [code] = await ended
      clearTimeout(timer)
      return code
    },
    async until(what, found) {
      const end = performance.now() + 60_000
      for (;;) {
        const has = found()
        if (has !== null) return has
        if (over()) throw new Error(`it ended before it said ${what}:\n${stdout()}${stderr()}`)
        if (performance.now() > end) throw new Error(`it did not say ${what} in 60 s:\n${stdout()}${stderr()}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}
