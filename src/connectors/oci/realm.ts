/**
 * Where tokens are asked for. The registry names the place, so whoever can answer for the registry could send us,
 * and the credentials, anywhere. Therefore:
 * - the realm is HTTPS, unless the registry itself is spoken to without TLS by the configuration;
 * - credentials go to the registry's own host (any port), to the hosts that are known for it below, and to those that
 *   the configuration names; a realm elsewhere is an error that says which host to name;
 * - without credentials any realm is asked, but none at a link-local or metadata address, nor at loopback when the
 *   registry is not there;
 * - redirects of a realm are not followed.
 */
import type { Challenge } from './challenge.ts'
import { unavailable } from './failure.ts'
import { guardFor } from './follow.ts'
import type { Place } from './names.ts'

export interface Realm {
  readonly origin: string
  /** With the query that the registry gave, if any. */
  readonly path: string
  readonly service: string | null
  /** May be shown credentials. */
  readonly trusted: boolean
  readonly guard?: 'inside' | 'here'
}

export interface RealmRule {
  readonly place: Place
  readonly plainHttp: boolean
  /** `auth.example.io`, with a port when only that one is meant. */
  readonly allowed: readonly string[]
}

/** Registries whose tokens are given out by another host of the same owner. */
const known: Readonly<Record<string, readonly string[]>> = {
  'docker.io': ['auth.docker.io'],
  'registry.gitlab.com': ['gitlab.com'],
}

/** Throws `source.unavailable`, unauthorized. */
export function realmOf({ parameters }: Challenge, { place, plainHttp, allowed }: RealmRule): Realm {
  const refuse = (what: string) => unavailable('unauthorized', place.name, `its token server ${what}`)
  const url = URL.parse(parameters['realm'] ?? '')
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw refuse('has no address that can be read')
  if (url.protocol === 'http:' && !plainHttp) throw refuse(`at ${url.host} is without TLS, and nothing allows that`)
  if (url.username !== '' || url.password !== '') throw refuse('comes with a password in its address')
  const own = url.hostname === new URL(place.origin).hostname
  const trusted = own || [...allowed, ...(known[place.name] ?? [])].some((host) => isHost(url, host))
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    service: parameters['service'] ?? null,
    trusted,
    ...(!trusted && { guard: guardFor(place.origin) }),
  }
}

function isHost(url: URL, host: string): boolean {
  const name = host.toLowerCase()
  return (
    url.hostname === name || url.host === name || `${url.hostname}:${url.protocol === 'https:' ? 443 : 80}` === name
  )
}
