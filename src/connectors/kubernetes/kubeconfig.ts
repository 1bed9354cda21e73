/**
 * A cluster as a kubeconfig names it. @kubernetes/client-node reads the file and knows the ways to
 * credentials (exec plugins, OIDC, certificates); what it leaves out is put right here: `tokenFile`,
 * KUBERNETES_EXEC_INFO, a cluster's authority where the context has no user.
 */
import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { KubeConfig } from '@kubernetes/client-node'
import { load } from 'js-yaml'
import type { Clock } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { keepAccess, type Access, type Cluster } from './cluster.ts'

export interface KubeconfigOptions {
  readonly file: string
  /** Without it the file's current one. */
  readonly context?: string
  readonly clock: Clock
}

/** Rejects with `config.invalid`, naming file and context. Exec plugins run when credentials are first needed. */
export async function fromKubeconfig({ file, context, clock }: KubeconfigOptions): Promise<Cluster> {
  const opened = await openContext(file, context)
  let current = opened
  const { server, proxy } = opened
  return {
    name: opened.name,
    server,
    namespace: opened.namespace,
    proxy,
    access: keepAccess(clock, `credentials of ${opened.name}`, async (renew) => {
      // Read anew: somebody may have logged in again, and a plugin's answer is kept with what was read.
      if (renew) current = await openContext(file, context)
      return accessOf(current)
    }),
  }
}

interface Opened {
  readonly name: string
  readonly server: URL
  readonly proxy: URL | null
  readonly namespace: string | null
  readonly kubeConfig: KubeConfig
  /** Path of a file with a token. */
  readonly tokenFile: string | null
}

async function openContext(file: string, wanted: string | undefined): Promise<Opened> {
  const { kubeConfig, raw } = await openFile(file)
  const name = wanted ?? kubeConfig.getCurrentContext()
  if (!name) throw invalid(`${file} has no current-context; name one of ${namesOf(kubeConfig)}`)
  const called = `context ${name} of ${file}`
  const context = kubeConfig.getContextObject(name)
  if (!context) throw invalid(`${called}: there is no such context, only ${namesOf(kubeConfig)}`)
  const cluster = kubeConfig.getCluster(context.cluster)
  if (!cluster) throw invalid(`${called}: there is no cluster ${context.cluster}`)
  if (!/^https?:$/.test(URL.parse(cluster.server)?.protocol ?? '')) throw invalid(`${called}: server is no http(s) URL`)
  const proxy = cluster.proxyUrl ? URL.parse(cluster.proxyUrl) : null
  if (cluster.proxyUrl && !/^(https?|socks5):$/.test(proxy?.protocol ?? '')) {
    throw invalid(`${called}: proxy-url is no http, https or socks5 URL`)
  }
  if (context.user && !kubeConfig.getUser(context.user)) throw invalid(`${called}: there is no user ${context.user}`)

  // client-node looks at neither the authority nor the TLS settings of a cluster without a user.
  const user = kubeConfig.getUser(context.user) ?? { name: '' }
  const server = new URL(cluster.server)
  const plain = server.protocol === 'http:'
  // It refuses plain HTTP unless this is set, which does nothing else there.
  const reached = plain ? { ...cluster, skipTLSVerify: true } : cluster
  const exec = user.exec ? { exec: completeExec(user.exec, file, reached) } : {}
  kubeConfig.loadFromClusterAndUser(reached, { ...user, ...exec })
  const tokenFile = raw.users?.find((one) => one.name === context.user)?.user?.tokenFile
  return {
    name: called,
    server,
    proxy,
    namespace: context.namespace || null,
    kubeConfig,
    tokenFile: tokenFile ? resolve(dirname(file), tokenFile) : null,
  }
}

interface RawKubeconfig {
  readonly users?: readonly { readonly name?: string; readonly user?: { readonly tokenFile?: string } }[]
}

async function openFile(file: string): Promise<{ kubeConfig: KubeConfig; raw: RawKubeconfig }> {
  // Loaded here, for half a second and 85 MB (2026-11): most run inside a cluster and never need it.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    throw new AppError('config.invalid', `kubeconfig ${file} cannot be read (${thrown.code})`, { cause: thrown })
  })
  const kubeConfig = new KubeConfig()
  try {
    const raw = load(text)
    if (typeof raw !== 'object' || raw === null) throw new Error('it holds no mapping')
    kubeConfig.loadFromString(text)
    kubeConfig.makePathsAbsolute(dirname(resolve(file)))
    return { kubeConfig, raw }
  } catch (thrown) {
    // Without cause, and of a syntax error without the lines around it: they may be a key or a token.
    const { reason, mark } = thrown as { readonly reason?: string; readonly mark?: { readonly line: number } }
    const where = mark === undefined ? '' : ` in line ${mark.line + 1}`
    throw invalid(`kubeconfig ${file} is not valid${where}: ${reason ?? messageOf(thrown)}`)
  }
}

function invalid(detail: string): AppError {
  return new AppError('config.invalid', detail)
}

function namesOf(kubeConfig: KubeConfig): string {
  return kubeConfig.contexts.map(({ name }) => name).join(', ') || 'none'
}

interface Exec {
  readonly apiVersion?: string
  readonly command?: string
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly provideClusterInfo?: boolean
}

/** As client-go starts plugins: found beside the file where the command is a relative path, and told what it is for. */
function completeExec(exec: Exec, file: string, cluster: ReturnType<KubeConfig['getCluster']>): Exec {
  const { command = '', env = [], provideClusterInfo } = exec
  const beside = command.includes('/') && !isAbsolute(command)
  const info = {
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1beta1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(provideClusterInfo && {
        cluster: {
          'server': cluster?.server,
          'tls-server-name': cluster?.tlsServerName,
          'insecure-skip-tls-verify': cluster?.skipTLSVerify,
          'certificate-authority-data': cluster?.caData,
          'proxy-url': cluster?.proxyUrl,
        },
      }),
    },
  }
  return {
    ...exec,
    command: beside ? resolve(dirname(file), command) : command,
    env: [...env, { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }],
  }
}

async function accessOf({ name, server, kubeConfig, tokenFile }: Opened): Promise<Access> {
  const settings: RequestOptions & { servername?: string } = {}
  let token: string | null
  try {
    await kubeConfig.applyToHTTPSOptions(settings)
    token = tokenFile === null ? null : (await readFile(tokenFile, 'utf8')).trim()
  } catch (thrown) {
    // Without cause: what a plugin printed may be the credential itself.
    const said = thrown instanceof SyntaxError ? 'its exec plugin printed no ExecCredential' : firstLine(thrown)
    throw new AppError('source.unavailable', `${name}: no credentials: ${said}`, {
      data: { host: server.host, why: 'unauthorized' },
    })
  }
  const headers = Object.entries(settings.headers ?? {}).map(([key, value]) => [key.toLowerCase(), String(value)])
  const authorization = token ? `Bearer ${token}` : basic(settings.auth)
  if (authorization !== null) headers.push(['authorization', authorization])
  const pem = (value: unknown) => (typeof value === 'string' || value instanceof Buffer ? value.toString() : undefined)
  const [ca, cert, key] = [pem(settings.ca), pem(settings.cert), pem(settings.key)]
  return {
    headers: mayShow(server) ? Object.fromEntries(headers) : {},
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(settings.servername !== undefined && { serverName: settings.servername }),
      ...(settings.rejectUnauthorized === false && { insecure: true }),
    },
  }
}

/** As kubectl: credentials do not cross a network unprotected. */
function mayShow({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /^(localhost|127\..*|\[::1\])$/.test(hostname)
}

function basic(pair: string | null | undefined): string | null {
  return pair ? `Basic ${Buffer.from(pair).toString('base64')}` : null
}

/** Of what a plugin wrote to stderr, or of an error of the system; bounded. */
function firstLine(thrown: unknown): string {
  return (messageOf(thrown).trim().split('\n')[0] ?? '').slice(0, 200) || 'the exec plugin failed without a word'
}
