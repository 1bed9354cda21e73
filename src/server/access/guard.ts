/** Decides who calls, and whether they may. Runs before the body is read. */
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Caller, Role, Route, Within } from '../../kernel/route.ts'
import { maySeeSync } from '../../kernel/visible.ts'
import { doorOf, peerOf, type Arrival, type Door, type Peer } from '../arrival.ts'
import { hostName } from './addresses.ts'
import type { Identified } from './identities.ts'
import type { RateLimit } from './rate.ts'
import { tokenPrefix } from './token.ts'
import { unauthenticated, type TokenStore } from './token-store.ts'

/** Who was let in; `valid` turns false when the credential ends while an answer still streams. */
export interface Admission {
  readonly caller: Caller
  valid(): boolean
  /**
   * A further request with the same headers and parameters through the same door: counts it, and false when it has to
   * be asked anew. Throws `request.too-many`. Absent: always ask anew.
   */
  again?(): boolean
}

export type Admit = (request: Arrival, params: Readonly<Record<string, string>>) => Admission

export interface GuardOptions {
  readonly open: boolean
  /** On the port of its own, metrics and health are for everybody. */
  readonly openMetrics: boolean
  readonly behindProxy: boolean
  readonly tokens: Pick<TokenStore, 'verify'>
  /** Of requests whose credential is no token of ours. */
  readonly identified?: (request: Arrival) => Identified | null
  readonly clock?: Pick<Clock, 'now'>
  readonly rate: RateLimit
  readonly hostAllowed: (header: string | undefined) => boolean
}

export interface Guarded extends Pick<Route, 'method' | 'role' | 'within' | 'cost'> {
  /** Metrics and health: without credentials too for callers on this machine. */
  readonly observes?: boolean
}

const always = () => true
const named = (name: string, role: Role, scopes: Caller['scopes'] = null): Admission => ({
  caller: { name, role, scopes, subject: null },
  valid: always,
  again: always,
})

const socket = named('socket', 'admin')
const anonymous = named('anonymous', 'admin')
/** On this machine, without a token, where tokens are asked for: may look at metrics and health. */
const bystander = named('anonymous', 'viewer', {})
/** Nobody known; only for routes that are public. */
const nobody = named('anonymous', 'viewer', {})

/** Whether a public route may tell this caller more than the outside may know. */
export function isKnown(caller: Caller): boolean {
  return caller !== nobody.caller
}

/** Came through the state folder's socket, or is this process itself. */
export function isLocal(caller: Caller): boolean {
  return caller === socket.caller
}

/** What an unknown token costs of its address's allowance. */
const failureCost = 20

const rank: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

export function createGuard(options: GuardOptions): (route: Guarded) => Admit {
  const { tokens, behindProxy } = options

  function take(key: string, cost: number): void {
    const wait = options.rate.take(key, cost)
    if (wait === 0) return
    const seconds = Math.ceil(wait / 1000)
    throw new AppError('request.too-many', `Try again in ${seconds} s.`, { data: { retryAfter: seconds } })
  }

  /** Takes it of the allowance of `key`, now and for each request that follows on the same terms. */
  function counted({ caller, valid }: Admission, key: string, cost: number): Admission {
    take(key, cost)
    const again = () => {
      if (!valid()) return false
      take(key, cost)
      return true
    }
    return { caller, valid, again }
  }

  function byToken(request: Arrival, header: string, door: Door, peer: Peer, cost: number): Admission {
    if (!door.tls && !peer.loopback && !behindProxy) {
      throw new AppError(
        'request.insecure',
        'This token crossed the network in clear text: revoke it, and use https (server.tls or server.behind_proxy).',
      )
    }
    const known = options.identified?.(request) ?? null
    if (known !== null) {
      const admission = { caller: known.caller, valid: () => (options.clock?.now() ?? 0) < known.until }
      return counted(admission, `identity:${known.caller.name}`, cost)
    }
    const [scheme = '', text = ''] = header.split(' ')
    if (scheme.toLowerCase() !== 'bearer') throw unauthenticated('Send Authorization: Bearer followed by a token.')
    try {
      const credential = tokens.verify(text)
      return counted(credential, credential.id, cost)
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'request.unauthenticated') take(peer.group, failureCost)
      throw thrown
    }
  }

  function withoutToken(request: Arrival, door: Door, peer: Peer, route: Guarded): Admission {
    const admitted = (as: Admission) => counted(as, peer.group, route.cost ?? 1)
    const local = options.hostAllowed(request.headers.host)
    if (options.open) {
      if (local) return admitted(anonymous)
      const stranger = admitted(nobody)
      if (route.role === 'public') return stranger
      throw new AppError('request.host', 'Use localhost or the address, or list the name under server.hosts.')
    }
    if (route.observes === true && local && peer.loopback) return admitted(bystander)
    if (route.observes === true && door.kind === 'metrics' && options.openMetrics) return admitted(bystander)
    return admitted(nobody)
  }

  return (route) => {
    const changes = route.method !== 'GET'
    return (request, params) => {
      const door = doorOf(request)
      if (door === null) throw new AppError('internal', 'a request came through no door')
      if (door.kind === 'socket' || door.kind === 'inside') return socket
      const peer = peerOf(request, behindProxy)
      const header = credentialOf(request, route)
      const admission =
        header === undefined
          ? withoutToken(request, door, peer, route)
          : byToken(request, header, door, peer, route.cost ?? 1)
      if (changes) refuseForeignPages(request)
      permit(admission, route, params)
      return admission
    }
  }
}

/** Senders to public routes (webhooks) may carry credentials of another kind, for the route alone to judge. */
function credentialOf({ headers }: Arrival, route: Guarded): string | undefined {
  const header = headers.authorization
  return route.role === 'public' && !header?.includes(tokenPrefix) ? undefined : header
}

/** A browser says which page sent a change; programs send neither header. */
function refuseForeignPages({ headers }: Arrival): void {
  const site = headers['sec-fetch-site']
  const origin = headers.origin
  const own =
    site === undefined
      ? origin === undefined || originHost(origin) === (headers.host ?? '').toLowerCase()
      : site === 'same-origin' || site === 'none'
  if (!own) throw new AppError('request.origin', 'Changes are taken from pages of this server only.')
}

function originHost(origin: string): string | null {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase()
  return host !== undefined && hostName(host) !== null ? host : null
}

function permit({ caller }: Admission, route: Guarded, params: Readonly<Record<string, string>>): void {
  if (route.role === 'public') return
  if (caller === nobody.caller) throw unauthenticated('Send Authorization: Bearer followed by a token.')
  if (rank[caller.role] < rank[route.role]) {
    throw new AppError('request.forbidden', `This needs the role ${route.role}; the token is ${caller.role}.`)
  }
  if (caller !== bystander.caller) keepWithin(caller, route.within, params)
}

function keepWithin(caller: Caller, within: Within | undefined, params: Readonly<Record<string, string>>): void {
  if (caller.scopes === null && caller.subject === null) return
  if (within === 'own') return
  const bound = within !== undefined && within !== 'filtered' && 'subject' in within ? params[within.subject] : null
  if (within !== undefined && typeof within === 'object' && 'services' in within) {
    const right = caller.scopes === null || (caller.scopes.services?.includes(within.services) ?? false)
    if (right && (caller.subject === null || within.own === true)) return
    throw new AppError('request.forbidden', `The token needs the right to ${within.services} services.`)
  }
  const allowed =
    caller.subject === null
      ? within === 'filtered' || (within !== undefined && inScope(caller.scopes, within, params))
      : bound === caller.subject
  if (!allowed) throw new AppError('request.forbidden', 'The token is limited to other things.')
}

function inScope(
  scopes: Caller['scopes'],
  within: Exclude<Within, 'own' | { readonly services: string }>,
  params: Readonly<Record<string, string>>,
): boolean {
  if (within === 'filtered' || 'subject' in within) return false
  if ('sync' in within) return maySeeSync(scopes, params[within.sync] ?? '')
  return mayUseKey(scopes, params[within.kv] ?? '')
}

export function mayUseKey(scopes: Caller['scopes'], key: string): boolean {
  return scopes === null || (scopes.kv?.some((prefix) => key.startsWith(prefix)) ?? false)
}
