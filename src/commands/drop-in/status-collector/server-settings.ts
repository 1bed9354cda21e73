/** Environment → what the server role is to do. */
import type { Ms } from '../../../kernel/clock.ts'
import type { ForgePlace, GitHubCredentials } from '../../../registries/claims/drop-in.ts'
import { readEnvironment, type Env, type Reader } from './environment.ts'

const forges = ['github', 'gitea', 'forgejo', 'git'] as const

export interface ServerSettings {
  readonly place: ForgePlace
  /** PEM file of the forge's authority. */
  readonly caFile: string | null
  readonly path: string
  readonly sidecar: string | null
  readonly base: string
  readonly cluster: string | null
  readonly matchByPath: boolean
  readonly writeStatus: boolean
  readonly onDelete: 'keep' | 'mark' | 'remove'
  readonly change: ChangeSettings
  readonly interval: Ms
  readonly staleAfter: Ms | null
  readonly dryRun: boolean
  /** Removals that are held, let go at the start. */
  readonly allowDeletes: number
  /** null: all addresses. */
  readonly host: string | null
  /** As it was given: also the name of a service. */
  readonly port: string
  readonly tls: { readonly cert: string; readonly key: string } | null
  readonly tokensFile: string | null
  readonly identitiesFile: string | null
  readonly kubeconfig: string | null
  readonly stateDir: string | null
}

export interface ChangeSettings {
  readonly branch: string | null
  readonly title: string | null
  readonly labels: readonly string[]
  readonly reviewers: readonly string[]
  readonly draft: boolean
  readonly autoMerge: boolean
  readonly closeLeftovers: boolean
}

const app = ['GITHUB_APP_ID', 'GITHUB_APP_INSTALLATION_ID', 'GITHUB_APP_PRIVATE_KEY_FILE'] as const

export function readServerSettings(env: Env): ServerSettings {
  return readEnvironment(env, requiredOf(env), (reader) => {
    const { text, flag } = reader
    const tls = tlsOf(reader)
    return {
      place: placeOf(reader),
      caFile: text('REGISTRY_FORGE_CA_FILE'),
      path: text('REGISTRY_FILE_PATH')!,
      sidecar: text('REGISTRY_SIDECAR_PATH'),
      base: text('REGISTRY_BASE_BRANCH') ?? 'main',
      cluster: text('REGISTRY_CLUSTER'),
      matchByPath: flag('REGISTRY_MATCH_BY_PATH'),
      writeStatus: flag('REGISTRY_WRITE_STATUS'),
      onDelete: reader.choice('REGISTRY_ON_DELETE', ['keep', 'mark', 'remove'], 'keep'),
      change: changeOf(reader),
      interval: reader.duration('COLLECTOR_RECONCILE_INTERVAL', 300_000),
      staleAfter: text('COLLECTOR_STALE_AFTER') === null ? null : reader.duration('COLLECTOR_STALE_AFTER', 0),
      dryRun: flag('COLLECTOR_DRY_RUN'),
      allowDeletes: reader.count('COLLECTOR_ALLOW_DELETES'),
      host: text('COLLECTOR_HOST'),
      port: text('COLLECTOR_PORT') ?? '8095',
      tls,
      tokensFile: text('COLLECTOR_TOKENS_FILE'),
      identitiesFile: text('COLLECTOR_IDENTITIES_FILE'),
      kubeconfig: text('KUBECONFIG'),
      stateDir: text('COLLECTOR_STATE_DIR'),
    }
  })
}

/** In the order of the original. */
function requiredOf(env: Env): readonly string[] {
  const repository = ['REGISTRY_REPO_OWNER', 'REGISTRY_REPO_NAME', 'REGISTRY_FILE_PATH']
  const forge = env['REGISTRY_FORGE'] || 'github'
  if (forge === 'git') return ['REGISTRY_FORGE_URL', 'REGISTRY_FILE_PATH']
  if (forge === 'gitea' || forge === 'forgejo') return ['REGISTRY_FORGE_URL', 'REGISTRY_FORGE_TOKEN', ...repository]
  return [...(app.some((name) => env[name]) ? app : ['GITHUB_TOKEN']), ...repository]
}

function placeOf(reader: Reader): ForgePlace {
  const { text } = reader
  const forge = reader.choice('REGISTRY_FORGE', forges, 'github')
  const url = text('REGISTRY_FORGE_URL')
  if (forge === 'git') {
    const [user, password] = [text('REGISTRY_FORGE_USER'), reader.secret('REGISTRY_FORGE_TOKEN')]
    const [sshKey, knownHosts] = [text('REGISTRY_FORGE_SSH_KEY_FILE'), text('REGISTRY_FORGE_KNOWN_HOSTS_FILE')]
    return { is: 'git', url: url!, user, password, sshKey, knownHosts }
  }
  if (url !== null && !/^https?:\/\/[^\s/@?#]+(?:\/[^\s?#]*)?$/.test(url)) {
    reader.refuse('invalid REGISTRY_FORGE_URL: write https://host/path, without credentials in it')
  }
  const repository = `${text('REGISTRY_REPO_OWNER')}/${text('REGISTRY_REPO_NAME')}`
  if (!/^[^/\s]+\/[^/\s]+$/.test(repository)) {
    reader.refuse(`invalid REGISTRY_REPO_OWNER or REGISTRY_REPO_NAME: ${repository} names no repository`)
  }
  if (forge === 'github') return { is: 'github', repository, api: url, credentials: gitHubCredentials(reader) }
  return { is: 'gitea', repository, url: url ?? '', token: reader.secret('REGISTRY_FORGE_TOKEN') ?? '' }
}

function gitHubCredentials({ text, secret, refuse }: Reader): GitHubCredentials {
  const [id, installation, keyFile] = app.map(text)
  const token = secret('GITHUB_TOKEN')
  if (id && token !== null) refuse('GITHUB_TOKEN and GITHUB_APP_ID exclude each other: set either')
  return id ? { app: id, installation: installation!, keyFile: keyFile! } : { token: token! }
}

function changeOf({ text, list, flag }: Reader): ChangeSettings {
  return {
    branch: text('REGISTRY_CHANGE_BRANCH'),
    title: text('REGISTRY_CHANGE_TITLE'),
    labels: list('REGISTRY_CHANGE_LABELS'),
    reviewers: list('REGISTRY_CHANGE_REVIEWERS'),
    draft: flag('REGISTRY_CHANGE_DRAFT'),
    autoMerge: flag('REGISTRY_CHANGE_AUTO_MERGE'),
    closeLeftovers: flag('REGISTRY_CLOSE_LEFTOVERS'),
  }
}

function tlsOf({ text, refuse }: Reader): ServerSettings['tls'] {
  const [cert, key] = [text('COLLECTOR_TLS_CERT_FILE'), text('COLLECTOR_TLS_KEY_FILE')]
  if ((cert === null) !== (key === null)) refuse('COLLECTOR_TLS_CERT_FILE and COLLECTOR_TLS_KEY_FILE go together')
  return cert === null || key === null ? null : { cert, key }
}
