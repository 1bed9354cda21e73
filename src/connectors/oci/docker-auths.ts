/** What a docker config says of a repository's credentials, by the forms that docker, podman and Kubernetes write. */
import type { Credential } from './credential.ts'

/** Docker Hub by each of its names, as `placeOf` (names.ts) has it. */
const hub = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])
/** What `docker login` and the helpers call it. */
export const hubServer = 'https://index.docker.io/v1/'

export interface DockerAuths {
  /** The best first. */
  entries(host: string, repository: string): readonly Entry[]
  /** The program that is named for the host itself. */
  helper(host: string, repository: string): { readonly name: string; readonly server: string } | null
  /** The program that is asked for every other host. */
  readonly store: string | null
  readonly problems: readonly Problem[]
}

export interface Entry {
  readonly key: string
  /** null: it says nothing, as an entry `{}`; malformed: nobody can tell what it says. */
  readonly credential: Credential | null | 'malformed'
}

/** Something that cannot be used, without a word of what it is. */
export interface Problem {
  readonly host: string
  readonly what: string
}

interface Place {
  readonly key: string
  readonly host: string
  readonly path: string
  /** Among keys for the same host and no path; the lowest counts first. */
  readonly rank: number
}

/** null: this is no docker config. Says nothing about where it went wrong: that would quote it. */
export function readDockerAuths(text: string): DockerAuths | null {
  const document = objectOf(parse(text))
  const auths = objectOf(document?.['auths'] ?? {})
  const helpers = objectOf(document?.['credHelpers'] ?? {})
  const store = document?.['credsStore'] ?? ''
  if (document === null || auths === null || helpers === null || typeof store !== 'string') return null
  const problems: Problem[] = []
  const entries = Object.entries(auths).map(([key, value]) => {
    const place = placeOf(key)
    const credential = credentialOf(value)
    if (credential === 'malformed') {
      problems.push({ host: place.host, what: 'its auth in the docker config is not base64 of user:password' })
    }
    return { ...place, credential }
  })
  const named = Object.entries(helpers).map(([key, name]) => ({ ...placeOf(key), name }))
  return {
    entries: (host, repository) => matches(entries, host, repository),
    helper(host, repository) {
      const [best] = matches(named, host, repository)
      if (best === undefined || typeof best.name !== 'string' || best.name === '') return null
      return { name: best.name, server: best.host === 'docker.io' ? hubServer : best.key }
    },
    store: store === '' ? null : store,
    problems,
  }
}

/**
 * A key for the very host counts before one with a scheme, as the program that this one replaces knew exact keys
 * only; keys with a path count after those for the whole host, the longest first.
 */
function matches<T extends Place>(places: readonly T[], host: string, repository: string): T[] {
  const wanted = hub.has(host.toLowerCase()) ? 'docker.io' : host.toLowerCase()
  return places
    .filter((place) => place.host === wanted && (place.path === '' || `${repository}/`.startsWith(`${place.path}/`)))
    .toSorted((one, other) => {
      if ((one.path === '') !== (other.path === '')) return one.path === '' ? -1 : 1
      return other.path.length - one.path.length || one.rank - other.rank
    })
}

function placeOf(key: string): Place {
  const [, scheme = '', name = '', rest = ''] = /^(https?:\/\/)?([^/]*)(.*)$/i.exec(key.trim()) ?? []
  const bare = rest.replace(/\/+$/, '')
  // `/v1/` and `/v2/` are versions of the protocol, which docker login once wrote.
  const path = /^\/v[12]$/.test(bare) ? '' : bare.slice(1)
  const lower = name.toLowerCase()
  const host = hub.has(lower) ? 'docker.io' : lower
  const form = scheme === '' ? (rest === '' ? 0 : 1) : scheme.toLowerCase() === 'https://' ? 2 : 3
  return { key, host, path, rank: form * 2 + (host === lower ? 0 : 1) }
}

function credentialOf(value: unknown): Entry['credential'] {
  const entry = objectOf(value)
  if (entry === null) return 'malformed'
  const text = (name: string) => (typeof entry[name] === 'string' ? entry[name] : '')
  if (text('registrytoken') !== '') return { registryToken: text('registrytoken') }
  if (text('identitytoken') !== '') return { identityToken: text('identitytoken') }
  if (entry['auth'] !== undefined && entry['auth'] !== null && entry['auth'] !== '') return decoded(entry['auth'])
  const [username, password] = [text('username'), text('password')]
  return username === '' && password === '' ? null : { username, password }
}

/** Padded or not. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

function decoded(auth: unknown): Credential | 'malformed' {
  if (typeof auth !== 'string' || !base64.test(auth.trim())) return 'malformed'
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon <= 0) return 'malformed'
  // Old clients of docker put zero bytes after it.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}
