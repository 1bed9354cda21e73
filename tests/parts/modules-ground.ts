/** `regista serve` with a `modules` section, and what a test asks of it over HTTP. */
import type { FakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import type { Shown } from '../../src/connectors/docs-builder/testing/builder-disk.ts'
import type { DockerRegistry } from './docker-registry.ts'
import { differences } from './modules-releases.ts'
import { regista, serveRegista, type Ran, type Serving } from './regista.ts'
import { scratch, type Scratch } from './scratch.ts'

/** The name of the only sync. */
export const sync = 'docs'

export interface ModulesGround extends Disposable {
  readonly at: Scratch
  serve(): Promise<Served>
  run(...args: readonly string[]): Promise<Ran>
}

export interface Served extends Serving {
  get<T>(path: string): Promise<T>
  /** Every item of a list. */
  list<T>(path: string, query?: Readonly<Record<string, string>>): Promise<readonly T[]>
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>
  /** Value of one sample, written as `name{label="value"}`; null: it is not there. */
  metric(sample: string): Promise<number | null>
  status(): Promise<SyncStatus>
  /** Waits until so many more passes have ended, of which the last saw and did everything (`ok`). */
  passes(count: number, ok?: boolean): Promise<void>
  /** kill -9 of the process that holds the state; resolves when it is no more. */
  kill(): Promise<void>
}

interface SyncStatus {
  readonly lastPassAt: number | null
  readonly lastPassOk: boolean | null
}

export interface ScopeSeen {
  readonly scope: string
  readonly state: string
  readonly why: string | null
  readonly detail: string | null
}

/** Settings of a sync in the words of the configuration. */
export type Settings = Readonly<Record<string, unknown>>

/** What of its own a test does not wait for: absences count half a second apart, and as many as it likes. */
const quick: Settings = { interval: '500ms', removal_budget: { least: 10_000, share: 1, over: '1s' } }

/** `port`: where it listens, if that must be known before. */
export function modulesGround(settings: Settings, port = 0): ModulesGround {
  const config = { server: { port }, state: 'state', modules: { [sync]: { ...quick, ...settings } } }
  const at = scratch(JSON.stringify(config))
  return {
    at,
    async serve() {
      return follow(await serveRegista([], { cwd: at.folder, bound: 60_000 }))
    },
    run: (...args) => regista([...args, '-c', at.path('regista.yaml')], { cwd: at.folder }),
    [Symbol.dispose]: () => at[Symbol.dispose](),
  }
}

function follow(serving: Serving): Served {
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
  const status = () => get<SyncStatus>(`/api/v1/syncs/${sync}`)
  return {
    ...serving,
    get,
    status,
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
    async post(path, body) {
      const headers = { 'content-type': 'application/json' }
      const answer = await ask(path, { method: 'POST', headers, body: JSON.stringify(body) })
      return { status: answer.status, body: answer.text === '' ? null : (JSON.parse(answer.text) as unknown) }
    },
    async metric(sample) {
      const { text } = await ask('/metrics')
      const line = text.split('\n').find((each) => each.startsWith(`${sample} `))
      return line === undefined ? null : Number(line.slice(sample.length + 1))
    },
    async passes(count, ok) {
      let { lastPassAt: before } = await status()
      let left = count
      await until(`${count} passes`, async () => {
        const { lastPassAt, lastPassOk } = await status()
        if (lastPassAt === before) return false
        before = lastPassAt
        left -= 1
        return left <= 0 && (ok === undefined || lastPassOk === ok)
      })
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
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Every builder shows exactly this. */
export async function untilExact(
  builders: readonly FakeBuilder[],
  truth: ReadonlyMap<string, Shown>,
  bound = 60_000,
): Promise<void> {
  const wrong = () => builders.flatMap((builder) => differences(builder.shown(), truth))
  const why = () => `${wrong().length} differences, such as ${wrong().slice(0, 5).join('; ')}`
  await until('builders are exact', () => wrong().length === 0, { bound, why })
}

/** What was asked of a builder that changes it. */
export interface Sent {
  readonly uploads: number
  readonly deletes: number
  readonly builds: number
}

export function sentTo(builder: FakeBuilder): Sent {
  const count = (operation: 'upload' | 'delete' | 'build') => builder.asked(operation).length
  return { uploads: count('upload'), deletes: count('delete'), builds: count('build') }
}

/** The `registries` item of a registry as it is to be reached. */
export function realRegistry(registry: DockerRegistry, path: string): Settings {
  const { username, password } = registry.user
  const realms = registry.tokens === null ? [] : [new URL(registry.tokens.realm).host]
  const secure = registry.certificates === null ? { plain_http: true } : { ca: registry.certificates.ca }
  return { base: `${registry.host}/${path}`, username, password, realms, ...secure }
}
