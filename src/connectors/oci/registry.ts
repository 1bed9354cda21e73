/** A registry that speaks the OCI distribution protocol. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Credentials } from './credential.ts'
import type { ImageStore } from './store.ts'

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
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
  readonly proxy?: { readonly http?: string; readonly https?: string; readonly no?: string }
  /** Tried in this order, before the host, for manifests and blobs. */
  readonly mirrors?: readonly Mirror[]
  /** Further hosts (`auth.example.io`, with a port if need be) that may be shown the credentials for a token. */
  readonly realms?: readonly string[]
  /** Requests in flight at one host; blobs count apart. */
  readonly concurrency?: number
  /** Requests a second at one host; without it no limit. */
  readonly rate?: number
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

export interface ObservedRequest {
  readonly host: string
  readonly method: string
  /** 0: there was no answer. */
  readonly status: number
  readonly seconds: number
}

export function createRegistry(_options: RegistryOptions): ImageStore {
  throw new Error('not written yet')
}
