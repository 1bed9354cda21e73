import { etcdSettings, type EtcdSettings } from './etcd.ts'
import type { ArgumentOption } from './python-arguments.ts'

export const program = 'gitops-sync-registry'
export const description = 'GitOps sync service for capability registry'

export const options: readonly ArgumentOption[] = [
  { name: 'capabilities', takes: 'text', help: 'Capabilities directory to sync (default: capabilities/)' },
  {
    name: 'etcd-host',
    takes: 'text',
    help: 'etcd host (default: localhost)',
  },
  { name: 'etcd-port', takes: 'int', help: 'etcd port (default: 2379)' },
  { name: 'watch', takes: 'switch', help: 'Watch mode: continuous sync on interval' },
  { name: 'interval', takes: 'int', help: 'Sync interval in seconds (default: 60)' },
  { name: 'dry-run', takes: 'switch', help: 'Dry-run mode (no etcd writes)' },
  { name: 'list', takes: 'switch', help: 'List all capabilities in etcd' },
  {
    name: 'sync-once',
    takes: 'switch',
    help: 'One pass and no more, which is the default without --watch',
    added: true,
  },
  {
    name: 'namespace',
    takes: 'text',
    help: 'Only the capability of this identifier and those below it; all others are left alone',
    added: true,
  },
  {
    name: 'health',
    takes: 'switch',
    help: 'Exit 0 when etcd answers and the last pass is younger than 3 intervals, else 1',
    added: true,
  },
  {
    name: 'compat',
    takes: 'switch',
    help:
      'Write the bytes of the original: dc_date as version, no inventory, and manifests without ' +
      'chora_service and chora_pattern are errors',
    added: true,
  },
  {
    name: 'version-source',
    takes: 'text',
    choices: ['semver', 'dc_date'],
    help: 'What the version key holds (default: semver, with --compat dc_date)',
    added: true,
  },
  {
    name: 'allow-deletes',
    takes: 'int',
    help: 'Believe at once that what is absent is gone, and remove up to this many capabilities',
    added: true,
  },
  {
    name: 'state-dir',
    takes: 'text',
    help: 'Folder for what is remembered between runs (default: REGISTA_STATE_DIR, else below XDG_STATE_HOME)',
    added: true,
  },
  {
    name: 'source-id',
    takes: 'text',
    help: 'Owner in the inventory of what was put into etcd (default: made from the host name and the directory)',
    added: true,
  },
  { name: 'etcd-ca', takes: 'text', help: 'Certificate authority of etcd (ETCDCTL_CACERT); makes it TLS', added: true },
  { name: 'etcd-cert', takes: 'text', help: 'Certificate to show to etcd (ETCDCTL_CERT)', added: true },
  { name: 'etcd-key', takes: 'text', help: 'Key of that certificate (ETCDCTL_KEY)', added: true },
  {
    name: 'etcd-user',
    takes: 'text',
    help: 'User of etcd (ETCDCTL_USER); the password is in ETCDCTL_PASSWORD',
    added: true,
  },
]

export interface Settings {
  readonly capabilities: string
  readonly etcd: EtcdSettings
  readonly mode: 'once' | 'watch' | 'list' | 'health'
  /** Seconds. */
  readonly interval: number
  readonly dryRun: boolean
  readonly compat: boolean
  readonly versionSource: 'semver' | 'dc_date'
  readonly allowDeletes: number | null
  readonly stateDir: string | null
  readonly sourceId: string | null
  /** An identifier or its first segments; null: everything. */
  readonly namespace: string | null
}

type Env = Readonly<Record<string, string | undefined>>

/** A string says what is wrong with values that are well-formed each. */
export function settingsOf(values: ReadonlyMap<string, string | number | true>, env: Env): Settings | string {
  const text = (name: string) => (values.get(name) as string | undefined) ?? null
  const int = (name: string) => (values.get(name) as number | undefined) ?? null
  const compat = values.has('compat')
  const port = int('etcd-port') ?? 2379
  if (port < 0 || port > 65_535) return 'argument --etcd-port: must be between 0 and 65535'
  const files = { ca: text('etcd-ca'), cert: text('etcd-cert'), key: text('etcd-key') }
  const etcd = etcdSettings({ host: text('etcd-host') ?? 'localhost', port, ...files, user: text('etcd-user') }, env)
  if (typeof etcd === 'string') return etcd
  const settings: Settings = {
    capabilities: normalise(text('capabilities') ?? 'capabilities'),
    etcd,
    mode: modeOf((name) => values.has(name)),
    interval: int('interval') ?? 60,
    dryRun: values.has('dry-run'),
    compat,
    versionSource: (text('version-source') as Settings['versionSource'] | null) ?? (compat ? 'dc_date' : 'semver'),
    allowDeletes: int('allow-deletes'),
    stateDir: text('state-dir'),
    sourceId: text('source-id'),
    namespace: text('namespace'),
  }
  if (settings.interval < 0) return 'argument --interval: sleep length must be non-negative'
  if ((settings.allowDeletes ?? 0) < 0) return 'argument --allow-deletes: must not be negative'
  if (settings.sourceId !== null && !/^[^/\0]+$/.test(settings.sourceId)) {
    return 'argument --source-id: must be a name without "/"'
  }
  if (settings.namespace !== null && !/^[^./\0]+(?:\.[^./\0]+)*$/.test(settings.namespace)) {
    return 'argument --namespace: must be an identifier or its first segments, as in chora.react'
  }
  return settings
}

/** `--list` comes before the rest in the original as well. */
function modeOf(given: (name: string) => boolean): Settings['mode'] {
  if (given('health')) return 'health'
  if (given('list')) return 'list'
  return given('watch') && !given('sync-once') ? 'watch' : 'once'
}

/** As pathlib prints a path: no trailing slash, no "./", no double slashes. */
export function normalise(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const lead = /^\/\/(?!\/)/.test(path) ? '//' : path.startsWith('/') ? '/' : ''
  return `${lead}${parts.join('/')}` || '.'
}
