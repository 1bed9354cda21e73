/** The environment of both roles as data: what --help tells of is what is read. */

export interface Variable {
  readonly name: string
  readonly help: string
  /** What counts where it is empty; shown. */
  readonly usual?: string
  /** The original has it, and does not start without it. */
  readonly required?: true
  /** The original does not know it. */
  readonly added?: true
}

const original = { required: true } as const
const added = { added: true } as const

export const serverVariables: readonly Variable[] = [
  { name: 'GITHUB_TOKEN', help: 'Token that may push to the repository and open pull requests', ...original },
  { name: 'REGISTRY_REPO_OWNER', help: 'Owner of the repository', ...original },
  { name: 'REGISTRY_REPO_NAME', help: 'Its name', ...original },
  { name: 'REGISTRY_FILE_PATH', help: 'The registry file in it', ...original },
  { name: 'COLLECTOR_PORT', help: 'Port, or name of a service', usual: '8095' },
  { name: 'COLLECTOR_RECONCILE_INTERVAL', help: 'How often the registry is brought up to date', usual: '5m' },
  { name: 'REGISTRY_BASE_BRANCH', help: 'Branch that holds the registry', usual: 'main' },

  { name: 'REGISTRY_FORGE', help: 'github, gitea, forgejo, or git (pushes a branch alone)', usual: 'github', ...added },
  {
    name: 'REGISTRY_FORGE_URL',
    help:
      'github: API of an Enterprise Server, https://HOST/api/v3; gitea, forgejo: https://HOST;\n' +
      'git: URL or path of the repository, instead of owner and name',
    ...added,
  },
  { name: 'REGISTRY_FORGE_TOKEN', help: 'gitea, forgejo: token; git: password', ...added },
  { name: 'REGISTRY_FORGE_USER', help: 'git: user that the password belongs to', ...added },
  { name: 'REGISTRY_FORGE_SSH_KEY_FILE', help: 'git: private key', ...added },
  { name: 'REGISTRY_FORGE_KNOWN_HOSTS_FILE', help: 'git: host key of the server', ...added },
  { name: 'REGISTRY_FORGE_CA_FILE', help: "PEM file of the forge's authority", ...added },
  { name: 'GITHUB_APP_ID', help: 'GitHub App, instead of GITHUB_TOKEN; with the two below', ...added },
  { name: 'GITHUB_APP_INSTALLATION_ID', help: 'Its installation', ...added },
  { name: 'GITHUB_APP_PRIVATE_KEY_FILE', help: 'Its private key (PEM)', ...added },

  { name: 'REGISTRY_CLUSTER', help: 'Cluster of a ClaimRegistry file, which names none', ...added },
  { name: 'REGISTRY_SIDECAR_PATH', help: 'Write statuses into this file instead', ...added },
  { name: 'REGISTRY_MATCH_BY_PATH', help: 'true: also match by the manifest that an entry names', ...added },
  { name: 'REGISTRY_WRITE_STATUS', help: 'true: write the field status, too', ...added },
  {
    name: 'REGISTRY_ON_DELETE',
    help: 'Entry of a claim that was deleted: keep, mark or remove',
    usual: 'keep',
    ...added,
  },
  { name: 'REGISTRY_CHANGE_BRANCH', help: 'Branch of the pull request', usual: 'machinery-status/BASE', ...added },
  { name: 'REGISTRY_CHANGE_TITLE', help: 'Its title', usual: 'chore: update claim statuses', ...added },
  { name: 'REGISTRY_CHANGE_LABELS', help: 'Its labels, separated by commas', ...added },
  { name: 'REGISTRY_CHANGE_REVIEWERS', help: 'Its reviewers, separated by commas', ...added },
  { name: 'REGISTRY_CHANGE_DRAFT', help: 'true: it is a draft', ...added },
  { name: 'REGISTRY_CHANGE_AUTO_MERGE', help: 'true: merged once its checks pass', ...added },
  { name: 'REGISTRY_CLOSE_LEFTOVERS', help: 'true: close the pull requests status-update-* of before', ...added },

  { name: 'COLLECTOR_HOST', help: 'Address to listen on; default: all', ...added },
  { name: 'COLLECTOR_TLS_CERT_FILE', help: 'Certificate (PEM); makes it HTTPS', ...added },
  { name: 'COLLECTOR_TLS_KEY_FILE', help: 'Its key (PEM)', ...added },
  {
    name: 'COLLECTOR_TOKENS_FILE',
    help:
      'Who may say something: lines "CLUSTER TOKEN", * for all clusters; read again when it\n' +
      'changes. Default: everybody who reaches the port',
    ...added,
  },
  {
    name: 'COLLECTOR_IDENTITIES_FILE',
    help:
      'Service accounts that may, too: a YAML list of {cluster, accounts: [NAMESPACE/NAME], audience,\n' +
      'issuer, keys: URL or path of its JWKS}, or {…, review: true}: asks the cluster that this runs in',
    ...added,
  },
  { name: 'KUBECONFIG', help: 'For review: true, outside of a cluster', ...added },
  { name: 'COLLECTOR_STALE_AFTER', help: 'Claims of a cluster that is silent for so long become unknown', ...added },
  { name: 'COLLECTOR_DRY_RUN', help: 'true: show in /api/v1/preview what would be done', ...added },
  { name: 'COLLECTOR_ALLOW_DELETES', help: 'At the start, let go so many removals that are held', ...added },
  { name: 'COLLECTOR_STATE_DIR', help: 'Where statuses are kept; default: below XDG_STATE_HOME', ...added },
  { name: 'LOG_LEVEL', help: 'debug, info, warn or error', usual: 'info', ...added },
]

export const informerVariables: readonly Variable[] = [
  { name: 'CLUSTER_NAME', help: 'What this cluster is called in the registry', ...original },
  { name: 'COLLECTOR_URL', help: 'Of the collector, https://collector.example.org', ...original },
  { name: 'CLAIM_GROUP', help: 'API group of the claims', ...original },
  { name: 'CLAIM_RESOURCE', help: 'Their plural name; * for all of the group', ...original },
  { name: 'CLAIM_VERSION', help: 'API version', usual: 'v1alpha1' },
  { name: 'CLAIM_NAMESPACE', help: 'Namespaces, separated by commas; default: all' },
  { name: 'KUBECONFIG', help: 'Outside of a cluster; default: ~/.kube/config' },

  {
    name: 'CLAIM_KINDS',
    help:
      'Several kinds instead: GROUP/RESOURCE or GROUP/VERSION/RESOURCE, separated by commas;\n' +
      '* as a resource stands for all of the group',
    ...added,
  },
  { name: 'CLAIM_DISCOVER', help: 'true: what every CompositeResourceDefinition defines', ...added },
  { name: 'CLAIM_LABELS', help: 'Label selector', ...added },
  { name: 'CLAIM_FIELDS', help: 'Field selector', ...added },
  {
    name: 'CLAIM_MESSAGES',
    help: 'full: Ready, Synced and the cause; original: the texts of before',
    usual: 'full',
    ...added,
  },
  { name: 'KUBECONFIG_CONTEXT', help: 'Default: the current one', ...added },
  { name: 'COLLECTOR_TOKEN', help: 'Bearer token for the collector', ...added },
  { name: 'COLLECTOR_TOKEN_FILE', help: 'The same from a file, read anew for each request', ...added },
  { name: 'COLLECTOR_CA_FILE', help: "PEM file of the collector's authority", ...added },
  { name: 'COLLECTOR_SNAPSHOT_INTERVAL', help: 'How often everything is told anew', usual: '10m', ...added },
  { name: 'INFORMER_HEALTH_PORT', help: 'Port for /livez, /readyz and /metrics; default: none', ...added },
  { name: 'INFORMER_STATE_DIR', help: 'Keeps what was not sent yet; default: memory', ...added },
  { name: 'LOG_LEVEL', help: 'debug, info, warn or error', usual: 'info', ...added },
]

/** For --help. */
export function helpOfVariables(variables: readonly Variable[]): string {
  const width = Math.max(...variables.map(({ name }) => name.length))
  const row = ({ name, help, usual, required }: Variable) => {
    const more = required ? ' (required)' : usual === undefined ? '' : ` (default ${usual})`
    return `  ${name.padEnd(width)}  ${help.replaceAll('\n', `\n${' '.repeat(width + 4)}`)}${more}`
  }
  const [before, ours] = [variables.filter((one) => !one.added), variables.filter((one) => one.added)]
  return ['Environment:', ...before.map(row), '', 'Further environment, all of it optional:', ...ours.map(row)].join(
    '\n',
  )
}
