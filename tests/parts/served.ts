/** A running `regista serve`, and what a test asks of it over HTTP. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Serving } from './regista.ts'

export interface Served extends Serving {
  get<T>(path: string): Promise<T>
  /** Every item of a list. */
  list<T>(path: string, query?: Readonly<Record<string, string>>): Promise<readonly T[]>
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Posted>
  /** Value of one sample, written as `name{label="value"}`; null: it is not there. */
  metric(sample: string): Promise<number | null>
  /** kill -9 of the process that holds the state; resolves when it is no more. */
  kill(): Promise<void>
}

export interface Posted {
  readonly status: number
  readonly body: unknown
}

export function follow(serving: Serving): Served {
  const { url, stdout } = serving
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(60_000) })
    return { status: answer.status, text: await answer.text() }
  }
  const get = async <T>(path: string): Promise<T> => {
    const { status, text } = await ask(path)
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    return JSON.parse(text) as T
  }
  return {
    ...serving,
    get,
    async list<T>(path: string, query: Readonly<Record<string, string>> = {}) {
      const items: T[] = []
      let next: string | null = `${path}?${new URLSearchParams({ ...query, limit: '1000' }).toString()}`
      while (next !== null) {
        const page: { items: T[]; next: string | null } = await get(next)
        items.push(...page.items)
        next = page.next
      }
      return items
    },
    async post(path, body, more = {}) {
      const headers = { 'content-type': 'application/json', ...more }
      const sent = typeof body === 'string' ? body : JSON.stringify(body)
      const answer = await ask(path, { method: 'POST', headers, body: sent })
      return { status: answer.status, body: answer.text === '' ? null : (JSON.parse(answer.text) as unknown) }
    },
    async metric(sample) {
      const { text } = await ask('/metrics')
      const line = text.split('\n').find((each) => each.startsWith(`${sample} `))
      return line === undefined ? null : Number(line.slice(sample.length + 1))
    },
    async kill() {
      // The launcher may be another process than the program.
      const pid = Number(/\(pid (\d+),/.exec(stdout())?.[1])
      process.kill(pid, 'SIGKILL')
      await serving.stop('SIGKILL')
      await until(`the end of process ${pid}`, () => Promise.resolve(!isThere(pid)))
    },
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Polls; throws with what it waited for, and what `why` says by then. */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  { bound = 60_000, why = () => '' }: { readonly bound?: number; readonly why?: () => string } = {},
): Promise<void> {
  const end = performance.now() + bound
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${bound} ms; ${why()}`)
    await sleep(20)
  }
}
