/** What the settings of a registry say about where it is and who asks, in the same form for all types. */
import type { OpenParts } from '../../../connectors/oci/open.ts'
import { tlsOf } from '../../../connectors/oci/open.ts'
import { createGate, type Gate } from '../../../connectors/oci/gate.ts'
import { createJsonApi, type Authority, type JsonApi } from '../../../connectors/oci/json-api.ts'
import type { ReachSettings } from '../../../connectors/oci/settings.ts'
import { createHttp, type Http } from '../../../connectors/http/client.ts'
import { proxyVariables } from '../../../connectors/http/proxy.ts'
import type { ImageRegistryConfig } from './config.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

export interface Place {
  readonly host: string
  /** For `connectors/oci`. */
  readonly reach: ReachSettings
  /** null: none, or in a file as docker login writes it. */
  readonly login: Login | null
}

/** `namedSo`: whose token it is where nobody says, and nobody looks at it. */
export function placeOf(
  settings: ImageRegistryConfig,
  usual: { readonly host?: string; readonly namedSo?: string },
): Place {
  const url = settings.url === undefined ? null : new URL(settings.url)
  const { username = usual.namedSo, password = settings.token, ...rest } = settings
  const login = username !== undefined && password !== undefined ? { username, password } : null
  return {
    host: url?.host ?? settings.host ?? usual.host ?? '',
    login,
    reach: { ...withoutLogin(rest), ...login, plain_http: settings.plain_http || url?.protocol === 'http:' },
  }
}

function withoutLogin({ docker_config: file, ca, realms, rate, timeout, concurrency }: Partial<ImageRegistryConfig>) {
  return {
    realms: realms ?? [],
    concurrency: concurrency ?? 4,
    ...(file !== undefined && { docker_config: file }),
    ...(ca !== undefined && { ca }),
    ...(rate !== undefined && { rate }),
    ...(timeout !== undefined && { timeout }),
  }
}

export interface OpenApi {
  readonly api: JsonApi
  readonly http: Http
  readonly gate: Gate
  close(): Promise<void>
}

export interface ApiOptions {
  readonly url: string
  readonly authority: Authority | ((http: Http, gate: Gate) => Authority)
  readonly headers?: Readonly<Record<string, string>>
  /** Shared with the registry, where both are one host. */
  readonly gate?: Gate
}

/** The API beside a registry, within limits of its own. */
export function openApi(options: ApiOptions, settings: ImageRegistryConfig, parts: OpenParts): OpenApi {
  const { url, headers } = options
  const { clock, random, env, version, observe } = parts
  const { concurrency, timeout } = settings
  const tls = tlsOf(settings, parts)
  const http = createHttp({
    clock,
    userAgent: `regista/${version}`,
    connections: concurrency,
    proxy: proxyVariables(env),
    ...(timeout !== undefined && { connectTimeout: Math.min(timeout, 10_000) }),
    ...(tls && { tls }),
    ...(observe && { observe }),
  })
  const gate = options.gate ?? gateOf(new URL(url).host, settings, parts)
  const authority = typeof options.authority === 'function' ? options.authority(http, gate) : options.authority
  const api = createJsonApi({
    url,
    http,
    gate,
    clock,
    random,
    authority,
    ...(timeout !== undefined && { timeout }),
    ...(headers && { headers }),
  })
  return { api, http, gate, close: () => http.close() }
}

export function gateOf(host: string, settings: ImageRegistryConfig, { clock, random }: OpenParts): Gate {
  const { concurrency, rate, min_remaining: minRemaining } = settings
  return createGate({ host, clock, random, concurrency, minRemaining, ...(rate !== undefined && { rate }) })
}
