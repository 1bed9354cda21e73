/** Flags and environment of the watcher: the original's two flags, and ours. */
import type { Ms } from '../../../kernel/clock.ts'
import type { GoFlag, GoValue } from './go-flags.ts'

export const program = 'registry-modules-watcher'

const quarterHour: Ms = 15 * 60_000

export const flags: readonly GoFlag[] = [
  {
    name: 'watch-registries',
    takes: 'text',
    help: 'Repositories whose tags are the modules, separated by commas: registry.example.io/path/modules',
  },
  { name: 'scan-interval', takes: 'duration', help: 'How often registries are scanned', default: quarterHour },
  {
    name: 'ca',
    takes: 'text',
    placeholder: 'file',
    help: 'PEM file of the authority of the registries; counts beside those of this machine',
  },
  {
    name: 'realm',
    takes: 'texts',
    placeholder: 'host',
    help: 'Token server that may see the credentials, where it is another host than its registry; may be repeated',
  },
  { name: 'plain-http', takes: 'switch', help: 'Talk to the registries without TLS' },
  {
    name: 'state-dir',
    takes: 'text',
    placeholder: 'folder',
    help: 'Where to remember what was scanned and delivered (default REGISTA_STATE_DIR, else below XDG_STATE_HOME)',
  },
  {
    name: 'compat',
    takes: 'switch',
    help:
      'As the original: nothing is remembered, each builder gets everything when it is found, documentation is\n' +
      'found by its substring rule, an empty POD_NAMESPACE means all namespaces, and registries are not trimmed',
  },
  {
    name: 'kubeconfig',
    takes: 'text',
    placeholder: 'file',
    help: 'Kubeconfig file, to run outside of the cluster whose leases are watched',
  },
  {
    name: 'builder',
    takes: 'texts',
    placeholder: 'address',
    help: 'Documentation builder beside those that hold leases, host:8081; may be repeated',
  },
  {
    name: 'allow-deletes',
    takes: 'count',
    help: 'At the start, let go up to this many of the removals that /status shows as held',
  },
  { name: 'listen', takes: 'text', placeholder: 'address', help: 'For probes and /status', default: ':8080' },
  { name: 'metrics-listen', takes: 'text', placeholder: 'address', help: 'For /metrics', default: ':9090' },
  {
    name: 'metrics-prefix',
    takes: 'text',
    help: 'Before the names of the metrics that the original has',
    default: 'registry_modules_watcher_',
  },
]

export interface Settings {
  readonly registries: readonly string[]
  readonly interval: Ms
  readonly ca: string | null
  readonly realms: readonly string[]
  readonly plainHttp: boolean
  readonly stateDir: string | null
  readonly compat: boolean
  readonly kubeconfig: string | null
  readonly builders: readonly string[]
  readonly allowDeletes: number
  readonly listen: Address
  readonly metricsListen: Address
  readonly metricsPrefix: string
}

/** `host` null: every address of this machine. */
export interface Address {
  readonly host: string | null
  readonly port: number
}

/** A string says what is wrong with values that are well-formed each. */
export function settingsOf(values: ReadonlyMap<string, GoValue>): Settings | string {
  const text = (name: string) => (values.get(name) as string | undefined) ?? null
  const texts = (name: string) => [...new Set((values.get(name) as readonly string[] | undefined) ?? [])]
  const compat = values.get('compat') === true
  const listen = addressOf(text('listen') ?? ':8080')
  const metricsListen = addressOf(text('metrics-listen') ?? ':9090')
  if (listen === null || metricsListen === null) {
    const name = listen === null ? 'listen' : 'metrics-listen'
    return `invalid value ${JSON.stringify(text(name))} for flag -${name}: write :8080 or 127.0.0.1:8080`
  }
  const interval = (values.get('scan-interval') as Ms | undefined) ?? quarterHour
  // The original ends with a stack trace after its first scan.
  if (interval <= 0) return 'invalid value for flag -scan-interval: must be more than 0'
  const metricsPrefix = text('metrics-prefix') ?? 'registry_modules_watcher_'
  if (!/^(?:[a-zA-Z_][a-zA-Z0-9_]*)?$/.test(metricsPrefix)) {
    return `invalid value ${JSON.stringify(metricsPrefix)} for flag -metrics-prefix: only letters, digits and _`
  }
  return {
    registries: registriesOf(text('watch-registries') ?? '', compat),
    interval,
    ca: text('ca'),
    realms: texts('realm'),
    plainHttp: values.get('plain-http') === true,
    stateDir: text('state-dir'),
    compat,
    kubeconfig: text('kubeconfig'),
    builders: texts('builder'),
    allowDeletes: (values.get('allow-deletes') as number | undefined) ?? 0,
    listen,
    metricsListen,
    metricsPrefix,
  }
}

/** Each once: the original's map has them by name. Empty ones are its to complain of. */
function registriesOf(text: string, compat: boolean): string[] {
  if (text === '') return []
  const items = text.split(',')
  if (compat) return [...new Set(items)]
  const bare = items.map((item) =>
    item
      .trim()
      .replace(/^https:\/\//, '')
      .replace(/\/+$/, ''),
  )
  return [...new Set(bare.filter((item) => item !== ''))]
}

/** As Go writes them: `:8080`, `127.0.0.1:8080`, `[::1]:0`. */
function addressOf(text: string): Address | null {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) return null
  return { host: bracketed || plain || null, port: Number(port) }
}
