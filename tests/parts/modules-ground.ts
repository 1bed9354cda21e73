/** `regista serve` with a `modules` section, and what a test asks of it over HTTP. */
import type { FakeBuilder } from '../../src/connectors/docs-builder/testing/fake-builder.ts'
import type { Shown } from '../../src/connectors/docs-builder/testing/builder-disk.ts'
import type { DockerRegistry } from './docker-registry.ts'
import { differences } from './modules-releases.ts'
import { regista, serveRegista, type Ran } from './regista.ts'
import { scratch, type Scratch } from './scratch.ts'
import { follow, until, type Served } from './served.ts'

/** The name of the only sync. */
export const sync = 'docs'

export interface ModulesGround extends Disposable {
  readonly at: Scratch
  serve(): Promise<ModulesServed>
  run(...args: readonly string[]): Promise<Ran>
}

export interface ModulesServed extends Served {
  status(): Promise<SyncStatus>
  /** Waits until so many more passes have ended, of which the last saw and did everything (`ok`). */
  passes(count: number, ok?: boolean): Promise<void>
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
      return withStatus(follow(await serveRegista([], { cwd: at.folder, bound: 60_000 })))
    },
    run: (...args) => regista([...args, '-c', at.path('regista.yaml')], { cwd: at.folder }),
    [Symbol.dispose]: () => at[Symbol.dispose](),
  }
}

function withStatus(served: Served): ModulesServed {
  const status = () => served.get<SyncStatus>(`/api/v1/syncs/${sync}`)
  return {
    ...served,
    status,
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
