/** A remote repository and how to get in: what of it goes into arguments, and what only into the environment. */
import { sha256 } from '../../kernel/digest.ts'

export interface GitRemote {
  /** https://, http://, ssh://, git:// or file://, or host:path as ssh has it. Without credentials: it is shown. */
  readonly url: string
  /** Branch, tag, `refs/…` or full commit id; null: what the remote calls HEAD. */
  readonly ref: string | null
  /** For http and https. A token is the password of any user, by the custom of all forges. */
  readonly login?: { readonly username: string; readonly password: string }
  /** PEM file of the authority of an https server; default: the system's. */
  readonly ca?: string
  readonly ssh?: { readonly key?: string; readonly knownHosts?: string }
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What of our own environment a git process needs: where programs are, how the network is reached. */
const passed = [
  'PATH',
  'TMPDIR',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
]

/**
 * The whole environment of each git process. No file of the machine or of a user has a say in it, nothing
 * asks a question, and secrets are here alone: the arguments of a process are for everybody to read.
 */
export function environmentOf(remote: GitRemote, home: string, own: Environment): Record<string, string> {
  const settings = configurationOf(remote)
  return {
    ...Object.fromEntries(passed.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]]))),
    LC_ALL: 'C',
    // Not the user's: there may be a .netrc.
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    GIT_SSH_COMMAND: sshCommand(remote.ssh ?? {}),
    GIT_SSH_VARIANT: 'ssh',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([name, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, name],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  }
}

function configurationOf({ login, ca }: GitRemote): [string, string][] {
  return [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.askPass', ''],
    ['credential.helper', ''],
    ['gc.auto', '0'],
    // A pack is there whole or not at all; loose objects would come one by one.
    ['fetch.unpackLimit', '1'],
    ['fastimport.unpackLimit', '1'],
    ['protocol.version', '2'],
    // git takes the header along to whatever host it is sent on to.
    ['http.followRedirects', login === undefined ? 'initial' : 'false'],
    ...(ca === undefined ? [] : [['http.sslCAInfo', ca] satisfies [string, string]]),
    ...(login === undefined
      ? []
      : [['http.extraHeader', `Authorization: ${authorizationOf(login)}`] satisfies [string, string]]),
  ]
}

function authorizationOf({ username, password }: NonNullable<GitRemote['login']>): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}

/** git gives it to a shell. */
function sshCommand({ key, knownHosts }: NonNullable<GitRemote['ssh']>): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=yes', 'ConnectTimeout=15']
  if (key !== undefined) options.push('IdentitiesOnly=yes', 'IdentityAgent=none')
  // ssh takes what stands between double quotes as one name.
  if (knownHosts !== undefined) options.push(`UserKnownHostsFile="${knownHosts}"`, 'GlobalKnownHostsFile=none')
  const identity = key === undefined ? [] : ['-i', quoted(key)]
  return ['ssh', '-F', 'none', ...identity, ...options.flatMap((option) => ['-o', quoted(option)])].join(' ')
}

/** Takes out what must not be shown, whoever repeated it. */
export function redactorOf({ login }: GitRemote): (text: string) => string {
  const secrets = login === undefined ? [] : [login.password, authorizationOf(login).slice('Basic '.length)]
  return (text) =>
    secrets.reduce((clean, secret) => clean.replaceAll(secret, '***'), text).replace(/\/\/[^/@\s']*@/g, '//***@')
}

/** Tells one remote from another without saying which. */
export function fingerprintOf({ url }: GitRemote): string {
  return sha256(url)
}

/** For people: without what some write into it. */
export function shownUrl(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1')
}
