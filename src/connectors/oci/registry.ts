/** A registry that speaks the OCI distribution protocol. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Credentials } from './credential.ts'
import { createHttp, type Http, type ObservedRequest, type TlsTexts } from '../http/client.ts'
import type { ProxyVariables } from '../http/proxy.ts'
import { usualAttempts } from './attempts.ts'
import { readBlob } from './blobs.ts'
import { unavailable } from './failure.ts'
import { createHost, type Host, type HostOptions } from './host.ts'
import { childFor, platformName, platformsOf, readManifest } from './manifest.ts'
import { createManifests, type ManifestBytes } from './manifests.ts'
import { createHosts, type Hosts } from './mirrors.ts'
import { checkReference, checkRepository } from './names.ts'
import { usualPlatform, type Image, type ImageStore, type Platform } from './store.ts'
import { createTagLists, type Paging } from './tags.ts'
import type { Habits } from './access.ts'
import type { Gate } from './gate.ts'

export type { ObservedRequest } from '../http/client.ts'

export interface RegistryOptions {
  /** `registry.example.io`, `127.0.0.1:5000`, `docker.io`. */
  readonly host: string
  readonly credentials: Credentials
  readonly clock: Clock
  readonly random: Random
  /** For the user-agent. */
  readonly version: string
  /** Talks HTTP without TLS to this host, and lets its token server do so. */
  readonly plainHttp?: boolean
  /** PEM texts. `ca` counts beside the roots of this machine. */
  readonly tls?: TlsTexts
  /** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
  readonly proxy?: ProxyVariables
  /** Tried in this order, before the host, for manifests and blobs. */
  readonly mirrors?: readonly Mirror[]
  /** Further hosts (`auth.example.io`, with a port if need be) that may be shown the credentials for a token. */
  readonly realms?: readonly string[]
  /** Requests in flight at one host; blobs count apart. */
  readonly concurrency?: number
  /** Requests a second at one host; without it no limit. */
  readonly rate?: number
  /** Requests to leave over where it says how many are left; what is not counted is asked all the same. */
  readonly minRemaining?: number
  /** In the place of one of its own: shared with another client of the same host. */
  readonly gate?: Gate
  readonly habits?: Habits
  /** How the end of its lists is known. Default: by their links. */
  readonly paging?: Paging
  /** Keeps lists in memory, so that one that has not changed is the very same array as before. */
  readonly keepsLists?: boolean
  /** How long an answer may stay away. */
  readonly timeout?: Ms
  readonly observe?: (request: ObservedRequest) => void
}

export interface Mirror {
  readonly host: string
  /** Put before each repository, as for the proxy projects of Harbor: `dockerhub`. */
  readonly path?: string
  readonly plainHttp?: boolean
}

/** Token servers may take as long as registries. */
const usualTimeout: Ms = 30_000
const usualConcurrency = 16
/** An index may name an index; what goes deeper is a trap. */
const mostIndexes = 3

export function createRegistry(options: RegistryOptions): ImageStore {
  const { clock, random } = options
  const closing = new AbortController()
  const { http, hosts } = open(options, closing.signal)
  const { upstream } = hosts
  const manifests = createManifests(clock)
  const { paging = 'link', keepsLists = false } = options
  const lists = createTagLists({ host: upstream, clock, paging, keeps: keepsLists })

  function named(repository: string): string {
    checkRepository(repository, upstream.name)
    return upstream.repository(repository)
  }

  async function read(repository: string, reference: string, signal: AbortSignal): Promise<ManifestBytes | null> {
    const get = (host: Host) => manifests.get(host, host.repository(repository), reference, signal)
    return hosts.first(get, (found) => found === null)
  }

  /** Of an index the child for the platform, which must be there. */
  async function imageOf(
    repository: string,
    first: ManifestBytes,
    platform: Platform | 'any',
    signal: AbortSignal,
  ): Promise<Image> {
    const where = `${upstream.name}/${repository}`
    let found = first
    for (let depth = 0; ; depth++) {
      const manifest = readManifest(found.bytes, found.mediaType, where)
      if (manifest.is === 'image') {
        const { is: _, ...image } = manifest
        return { ...image, digest: found.digest, reference: first.digest }
      }
      const child = childFor(manifest, platform)
      if (child === null) {
        const detail = `no image for ${platformName(platform)} in index ${found.digest}, which has: ${platformsOf(manifest)}`
        throw unavailable('no-platform', where, detail)
      }
      if (depth >= mostIndexes) throw unavailable('malformed', where, 'indexes within indexes without an end')
      const next = await read(repository, child.digest, signal)
      if (next === null)
        throw unavailable('malformed', where, `index ${found.digest} names ${child.digest}, which is not there`)
      found = next
    }
  }

  return {
    name: upstream.name,
    async tags(repository, signal) {
      return lists.read(named(repository), signal)
    },
    async head(repository, reference, signal, known) {
      const name = named(repository)
      checkReference(reference, `${upstream.name}/${name}`)
      const head = (host: Host) =>
        manifests.head(host, host === upstream ? name : host.repository(name), reference, known, signal)
      return hosts.first(head, ({ is }) => is === 'missing')
    },
    async image(repository, reference, signal, platform = usualPlatform) {
      const name = named(repository)
      checkReference(reference, `${upstream.name}/${name}`)
      const found = await read(name, reference, signal)
      return found === null ? null : imageOf(name, found, platform, signal)
    },
    async *blob(repository, descriptor, signal) {
      yield* readBlob({ hosts, clock, random }, named(repository), descriptor, signal)
    },
    async close() {
      closing.abort()
      await http.close()
    },
  }
}

/** The registry and its mirrors, which share nothing but the HTTP client. */
function open(options: RegistryOptions, closing: AbortSignal): { http: Http; hosts: Hosts } {
  const { credentials, clock, random, version, tls, proxy, realms = [], mirrors = [], rate, observe } = options
  const { concurrency = usualConcurrency, timeout = usualTimeout, gate, habits, minRemaining } = options
  const known = new Set<string>(realms)
  const http = createHttp({
    clock,
    userAgent: `regista/${version}`,
    connectTimeout: Math.min(timeout, 10_000),
    // For answers and for blobs.
    connections: 2 * concurrency,
    ...(tls && { tls }),
    ...(proxy && { proxy }),
    // Where redirects lead is no label: there are ever new ones.
    ...(observe && { observe: (seen) => observe(known.has(seen.host) ? seen : { ...seen, host: 'elsewhere' }) }),
  })
  const shared = { realms, concurrency, timeout, ...(rate !== undefined && { rate }) }
  const parts = { http, credentials, clock, random, closing }
  const place = (
    { host, plainHttp = false, path }: Mirror,
    attempts: number,
    more: Partial<HostOptions> = {},
  ): Host => {
    const opened = createHost(
      { ...shared, ...more, host, plainHttp, attempts, ...(path !== undefined && { path }) },
      parts,
    )
    known.add(opened.origin.slice(opened.origin.indexOf('//') + 2))
    return opened
  }
  const own = { ...(gate && { gate }), ...(habits && { habits }), ...(minRemaining !== undefined && { minRemaining }) }
  const upstream = place(options, usualAttempts, own)
  return {
    http,
    hosts: createHosts(
      upstream,
      mirrors.map((mirror) => place(mirror, 1)),
      clock,
    ),
  }
}
