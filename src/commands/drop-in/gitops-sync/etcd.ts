/** Where etcd is and who we are there: the flags of the original, and what etcdctl takes besides. */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../kernel/clock.ts'
import type { KeyValue } from '../../../kernel/key-value.ts'
import { createEtcd } from '../../../registries/capabilities/drop-in.ts'

export interface EtcdSettings {
  /** `http(s)://host:port`, in the order given. */
  readonly endpoints: readonly string[]
  /** As printed: `host:port`, several with commas. */
  readonly address: string
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  readonly user: { readonly username: string; readonly password: string } | null
}

export interface EtcdFlags {
  /** One, or several with commas; each may bring its own `:port`. */
  readonly host: string
  readonly port: number
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  /** `name` or `name:password`. */
  readonly user: string | null
}

type Env = Readonly<Record<string, string | undefined>>

/** Flags come before the environment, which has etcdctl's names. A string says what is wrong. */
export function etcdSettings(flags: EtcdFlags, env: Env): EtcdSettings | string {
  const ca = flags.ca ?? (env['ETCDCTL_CACERT'] || null)
  const cert = flags.cert ?? (env['ETCDCTL_CERT'] || null)
  const key = flags.key ?? (env['ETCDCTL_KEY'] || null)
  if ((cert === null) !== (key === null)) return 'argument --etcd-cert: needs --etcd-key, and the other way round'
  const hosts = flags.host.split(',').map((host) => host.trim())
  const places = hosts.map((host) => placeOf(host, flags.port, ca !== null || cert !== null))
  if (hosts.includes('') || places.includes(null)) return `argument --etcd-host: invalid host: '${flags.host}'`
  const named = flags.user ?? (env['ETCDCTL_USER'] || null)
  const user = named === null ? null : userOf(named, env)
  if (typeof user === 'string') return user
  const endpoints = places.map((place) => place!.endpoint)
  return { endpoints, address: places.map((place) => place!.address).join(','), ca, cert, key, user }
}

function placeOf(host: string, port: number, tls: boolean): { endpoint: string; address: string } | null {
  const [, scheme, rest = ''] = /^(https?:\/\/)?(.*?)\/?$/.exec(host)!
  const bare = rest.includes(':') && !rest.startsWith('[') && rest.split(':').length > 2 ? `[${rest}]` : rest
  const whole = /:\d+$/.test(bare.replace(/^\[.*\]/, '')) ? bare : `${bare}:${port}`
  const endpoint = `${scheme ?? (tls ? 'https://' : 'http://')}${whole}`
  if (bare === '' || !URL.canParse(endpoint)) return null
  // As the original prints it: the host as it was given.
  return { endpoint, address: whole === `${bare}:${port}` ? `${rest}:${port}` : whole }
}

function userOf(named: string, env: Env): EtcdSettings['user'] | string {
  const at = named.indexOf(':')
  const password = env['ETCDCTL_PASSWORD'] ?? (at < 0 ? '' : named.slice(at + 1))
  if (password === '') return 'argument --etcd-user: needs a password: ETCDCTL_PASSWORD, or NAME:PASSWORD'
  return { username: at < 0 ? named : named.slice(0, at), password }
}

export function openEtcd({ endpoints, ca, cert, key, user }: EtcdSettings, clock: Clock): KeyValue {
  const tls = async () => ({
    ...(ca !== null && { ca: await readFile(ca) }),
    ...(cert !== null && { cert: await readFile(cert) }),
    ...(key !== null && { key: await readFile(key) }),
  })
  const secure = endpoints.some((endpoint) => endpoint.startsWith('https:')) && (ca ?? cert) !== null
  return createEtcd({ endpoints, clock, ...(secure && { tls }), ...(user !== null && { user }) })
}
