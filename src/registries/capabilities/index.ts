/** The capabilities registry: manifests in a folder → keys in etcd or in Regista's own store. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createEtcd } from '../../connectors/etcd/client.ts'
import type { TlsFiles } from '../../connectors/etcd/endpoints.ts'
import { createGitRepository, standardTimeout } from '../../connectors/git/repository.ts'
import { gitRemoteOf } from '../../connectors/git/settings.ts'
import type { SyncSpec } from '../../engine/engine.ts'
import { fixedTargets, type Target } from '../../engine/target.ts'
import type { Source } from '../../engine/source.ts'
import type { Ms } from '../../kernel/clock.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import type { Backoff } from '../../kernel/retry.ts'
import type { Built, Finding, Parts, Registry } from '../registry.ts'
import { syncPolicy } from '../settings.ts'
import { createCatalogue } from './catalogue/catalogue.ts'
import { checkFolders, type SyncFolder } from './check/index.ts'
import { gitPathOf, type GitSettings } from './config-git.ts'
import { CapabilitiesConfig, type SyncConfig, type TargetConfig } from './config.ts'
import type { Layout } from './layout.ts'
import type { ManifestRules } from './manifest/manifest.ts'
import type { Capability } from './model.ts'
import { measureEtcd, registerMetrics } from './metrics.ts'
import { catalogueRoutes } from './routes.ts'
import { batchRoutes, type Taker } from './routes-batch.ts'
import { createDirectorySource } from './source-directory.ts'
import { createGitSource } from './source-git.ts'
import { createJoinedSource } from './source-joined.ts'
import { createSubmittedSource, heedForgetting } from './source-submitted.ts'
import { submissions } from './tables.ts'
import { createKeyValueTarget } from './target-key-value.ts'

export {
  checkManifests,
  groupsOf,
  groupsOfFolders,
  ruleTable,
  type Checked,
  type Group,
  type Level,
  type ManifestFinding,
  type Profile,
} from './check/index.ts'
export type { CapabilitiesConfig } from './config.ts'
export { standardGlob } from './standards.ts'

const defaultInterval = 60_000
/** A key-value store that is back is to be found within seconds: asking it costs one small read. */
const backoff: Backoff = { first: 250, most: 2_000 }

export const capabilities: Registry<CapabilitiesConfig> = {
  name: 'capabilities',
  config: CapabilitiesConfig,
  tables: [submissions],
  async build(config, parts) {
    const opened: KeyValue[] = []
    const open = createOpener(parts, opened)
    const syncs = Object.entries(config).map(([name, settings]) => specOf(name, settings, parts, open))
    const catalogue = createCatalogue(() => parts.journal, Object.keys(config))
    registerMetrics({ metrics: parts.metrics, logger: parts.logger, catalogue })
    return {
      syncs: syncs as unknown as Built['syncs'],
      routes: [
        ...catalogueRoutes({ journal: () => parts.journal, catalogue }),
        ...batchRoutes({ journal: parts.journal, clock: parts.clock, syncs: takersOf(config) }),
      ],
      async close() {
        await Promise.all(opened.map((store) => store.close()))
      },
    }
  },
  check,
}

type OpenStore = (target: TargetConfig) => KeyValue

function specOf(name: string, settings: SyncConfig, parts: Parts, open: OpenStore): SyncSpec<Capability> {
  const policy = syncPolicy(settings, { interval: defaultInterval, firstSight: 'overwrite' })
  const files = sourceOf(name, settings, parts, policy.schedule.interval ?? defaultInterval)
  const source = joined(name, settings, files, parts)
  const targets = Object.entries(settings.targets).map(([target, given]): Target<Capability> => {
    return createKeyValueTarget({ name: target, store: open(given), layout: layoutOf(name, settings, given) })
  })
  return {
    name,
    registry: 'capabilities',
    source,
    targets: fixedTargets(...targets),
    backoff,
    ...limitsOf(settings.git),
    ...policy,
  }
}

function joined(
  sync: string,
  settings: SyncConfig,
  files: Source<Capability> | null,
  { journal, clock, random, logger }: Parts,
): Source<Capability> {
  const rules = rulesOf(settings)
  return createJoinedSource({
    files,
    submissions: settings.submissions ? createSubmittedSource({ sync, journal, rules }) : null,
    ...(!settings.submissions && { alsoHints: (signal) => heedForgetting(journal, sync, signal) }),
    listener: { spec: { name: sync }, clock, random, logger },
  })
}

function takersOf(config: CapabilitiesConfig): ReadonlyMap<string, Taker> {
  return new Map(
    Object.entries(config).map(([name, settings]) => [
      name,
      { takes: settings.submissions, rules: rulesOf(settings), targets: Object.keys(settings.targets) },
    ]),
  )
}

/** null: everything comes through the API. */
function sourceOf(name: string, settings: SyncConfig, parts: Parts, interval: Ms): Source<Capability> | null {
  const { directory, git, glob } = settings
  const rules = rulesOf(settings)
  if (git !== undefined) {
    // The name is one of the config's, of any characters.
    const folder = join(parts.state, 'git', encodeURIComponent(name).replaceAll('.', '%2E'))
    const { timeout } = git
    const remote = { ...gitRemoteOf(git, parts.base), ref: git.ref ?? null }
    const bound = timeout === undefined ? {} : { timeout }
    const repository = createGitRepository({ remote, folder, clock: parts.clock, env: process.env, ...bound })
    return createGitSource({ repository, path: gitPathOf(git), glob, rules })
  }
  if (directory === undefined) return null
  return createDirectorySource({ directory: resolve(parts.base, directory), glob, rules, interval, clock: parts.clock })
}

/** A first fetch may take as long as its commands may; a folder has the engine's bound. */
function limitsOf(git: GitSettings | undefined): Pick<SyncSpec<Capability>, 'limits'> {
  return git === undefined ? {} : { limits: { look: 2 * (git.timeout ?? standardTimeout) } }
}

function rulesOf({ compat, version_source: versionSource }: SyncConfig): ManifestRules {
  return { compat, versionSource: versionSource ?? (compat ? 'dc_date' : 'semver') }
}

function layoutOf(name: string, settings: SyncConfig, target: TargetConfig): Layout {
  const inventory = settings.compat ? null : `${target.inventory}${settings.source_id ?? name}/`
  return { prefix: target.prefix, inventory }
}

/** Opens what targets name; what is to be closed afterwards is added to `opened`. */
function createOpener(parts: Parts, opened: KeyValue[]): OpenStore {
  let observe: ReturnType<typeof measureEtcd> | null = null
  return ({ etcd }) => {
    if (etcd === undefined) return parts.keyValue
    observe ??= measureEtcd(parts.metrics)
    const store = openEtcd(etcd, parts, observe)
    opened.push(store)
    return store
  }
}

type EtcdConfig = NonNullable<TargetConfig['etcd']>

function openEtcd(given: EtcdConfig, { base, clock }: Parts, observe: ReturnType<typeof measureEtcd>): KeyValue {
  const { endpoints, username, password, timeout, tls } = given
  return createEtcd({
    endpoints,
    clock,
    observe,
    ...(timeout !== undefined && { timeout }),
    ...(username !== undefined && password !== undefined && { user: { username, password } }),
    ...(tls && { tls: () => readTls(tls, base) }),
  })
}

async function readTls(paths: NonNullable<EtcdConfig['tls']>, base: string): Promise<TlsFiles> {
  const read = async (path: string | undefined) => (path === undefined ? undefined : readFile(resolve(base, path)))
  const [ca, cert, key] = await Promise.all([read(paths.ca), read(paths.cert), read(paths.key)])
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(paths.server_name !== undefined && { serverName: paths.server_name }),
  }
}

/** The folders of manifests that a section names. */
export function configuredFolders(config: CapabilitiesConfig): SyncFolder[] {
  return Object.entries(config).flatMap(([sync, settings]) => {
    const { directory, glob } = settings
    return directory === undefined ? [] : [{ sync, directory, glob, rules: rulesOf(settings) }]
  })
}

/** Reads every manifest as a pass would; targets are left alone. */
function check(config: CapabilitiesConfig, base: string, signal: AbortSignal): AsyncGenerator<Finding> {
  return checkFolders(configuredFolders(config), base, signal)
}
