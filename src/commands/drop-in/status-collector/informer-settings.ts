/** Environment → what the informer role is to do. */
import type { Ms } from '../../../kernel/clock.ts'
import { readEnvironment, type Env, type Reader } from './environment.ts'

export interface InformerSettings {
  readonly cluster: string
  readonly url: string
  readonly kinds: readonly KindSettings[]
  readonly discover: boolean
  /** Empty: all. */
  readonly namespaces: readonly string[]
  readonly labels: string | null
  readonly fields: string | null
  readonly messages: 'full' | 'original'
  readonly kubeconfig: string | null
  readonly context: string | null
  readonly token: string | null
  readonly tokenFile: string | null
  readonly caFile: string | null
  readonly snapshotEvery: Ms
  /** null: none. */
  readonly healthPort: number | null
  /** null: memory. */
  readonly stateDir: string | null
}

export interface KindSettings {
  readonly group: string
  /** null: the one that the cluster prefers. */
  readonly version: string | null
  readonly resource: string
}

export function readInformerSettings(env: Env): InformerSettings {
  return readEnvironment(env, requiredOf(env), (reader) => {
    const { text, list } = reader
    return {
      cluster: text('CLUSTER_NAME')!,
      url: urlOf(reader),
      kinds: kindsOf(reader),
      discover: reader.flag('CLAIM_DISCOVER'),
      namespaces: list('CLAIM_NAMESPACE'),
      labels: text('CLAIM_LABELS'),
      fields: text('CLAIM_FIELDS'),
      messages: reader.choice('CLAIM_MESSAGES', ['full', 'original'], 'full'),
      kubeconfig: text('KUBECONFIG'),
      context: text('KUBECONFIG_CONTEXT'),
      token: reader.secret('COLLECTOR_TOKEN'),
      tokenFile: text('COLLECTOR_TOKEN_FILE'),
      caFile: text('COLLECTOR_CA_FILE'),
      snapshotEvery: reader.duration('COLLECTOR_SNAPSHOT_INTERVAL', 600_000),
      healthPort: reader.port('INFORMER_HEALTH_PORT'),
      stateDir: text('INFORMER_STATE_DIR'),
    }
  })
}

/** In the order of the original; what tells of kinds otherwise does without its two. */
function requiredOf(env: Env): readonly string[] {
  const one = env['CLAIM_KINDS'] || env['CLAIM_DISCOVER'] ? [] : ['CLAIM_GROUP', 'CLAIM_RESOURCE']
  return ['CLUSTER_NAME', 'COLLECTOR_URL', ...one]
}

/** The original asks `//api/v1/status` where it ends with a slash. */
function urlOf({ text, refuse }: Reader): string {
  const given = text('COLLECTOR_URL')!
  if (!/^https?:\/\/[^\s/@?#]+(?:\/[^\s?#]*)?$/.test(given)) {
    refuse('invalid COLLECTOR_URL: write https://host/path, without credentials in it')
  }
  return given.replace(/\/+$/, '')
}

function kindsOf({ text, list, refuse }: Reader): KindSettings[] {
  const [group, resource] = [text('CLAIM_GROUP'), text('CLAIM_RESOURCE')]
  if ((group === null) !== (resource === null)) refuse('CLAIM_GROUP and CLAIM_RESOURCE go together')
  const version = text('CLAIM_VERSION')
  // A group has kinds of several versions.
  const one = { group: group!, version: version ?? (resource === '*' ? null : 'v1alpha1'), resource: resource! }
  const more = list('CLAIM_KINDS').map((given): KindSettings => {
    const parts = given.split('/')
    const [first = '', second = '', third] = parts
    if (parts.length < 2 || parts.length > 3 || parts.includes('')) {
      refuse(`invalid CLAIM_KINDS: ${JSON.stringify(given)} is neither GROUP/RESOURCE nor GROUP/VERSION/RESOURCE`)
    }
    return { group: first, version: third === undefined ? null : second, resource: third ?? second }
  })
  return [...(group === null || resource === null ? [] : [one]), ...more]
}
