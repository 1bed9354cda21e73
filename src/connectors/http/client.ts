/** HTTP/1.1 on undici: one pool of connections for each origin. It follows no redirects and repeats nothing. */
import { lookup } from 'node:dns'
import type { Readable } from 'node:stream'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { Pool, ProxyAgent, type Dispatcher } from 'undici'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { guardedLookup, isRefused, isRefusedOrLoopback } from './addresses.ts'
import { createAnswer, type HttpAnswer } from './answer.ts'
import { failureOf, HttpFailure } from './failure.ts'
import { proxyOf, type ProxyVariables } from './proxy.ts'

export { headerOf, type HttpAnswer } from './answer.ts'
export { HttpFailure } from './failure.ts'

export interface Http {
  /** Rejects with HttpFailure, or with an AppError when `signal` aborted. */
  request(ask: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** Cuts off what is in flight. */
  close(): Promise<void>
}

export interface HttpOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly userAgent: string
  readonly tls?: TlsTexts
  readonly proxy?: ProxyVariables
  /** To reach a host, TLS and the proxy's tunnel included. */
  readonly connectTimeout?: Ms
  /** At one origin; who comes when all are taken waits. Without it as many as there are requests. */
  readonly connections?: number
  readonly observe?: (request: ObservedRequest) => void
}

/** PEM. */
export interface TlsTexts {
  /** Authorities that count beside those of this machine. */
  readonly ca?: string
  /** Shown to origins that are asked without a `guard` only. */
  readonly cert?: string
  readonly key?: string
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `https://registry.example.io:5000`. */
  readonly origin: string
  /** With the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Readable
  /** From the request sent to the headers of its answer. */
  readonly timeout?: Ms
  /** Between two chunks of the answer that somebody waits for. */
  readonly idle?: Ms
  /**
   * For origins that somebody outside chose: they are not connected to when they are, or resolve to, what `guard`
   * names. `inside` is link-local and metadata addresses; `here` is these and loopback.
   */
  readonly guard?: 'inside' | 'here'
}

export interface ObservedRequest {
  /** With the port, if it is not the usual one. */
  readonly host: string
  readonly method: string
  /** 0: there was no answer. */
  readonly status: number
  /** Until the headers of the answer. */
  readonly seconds: number
}

/** Long enough to outlast a pass, short enough to hold no connections between passes. */
const keepAlive: Ms = 15_000
/** Redirects may lead to ever new hosts; pools beyond these make room, the oldest first. */
const mostPools = 128

export function createHttp(parts: HttpOptions): Http {
  const { clock, userAgent, tls, proxy, connectTimeout = 10_000, connections = null, observe } = parts
  const pools = new Map<string, Dispatcher>()
  const contexts = tls === undefined ? null : secureContexts(tls)
  let closed = false

  function open(origin: string, guard: HttpRequest['guard']): Dispatcher {
    const key = `${guard ?? ''} ${origin}`
    const known = pools.get(key)
    if (known !== undefined) return known
    if (closed) throw new HttpFailure('network', 'closed')
    const refuses = guard === 'here' ? isRefusedOrLoopback : isRefused
    if (guard !== undefined && refuses(new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1'))) {
      throw new HttpFailure('network', 'EREFUSED')
    }
    const secure = guard === undefined ? contexts?.own : contexts?.foreign
    const connect = {
      timeout: connectTimeout,
      ...(secure && { secureContext: secure }),
      ...(guard && { lookup: guardedLookup(lookup, refuses) }),
    }
    const options: Pool.Options = {
      // HTTP/2 is slower here: 656 requests a second against 852 over TLS (2026-11).
      allowH2: false,
      keepAliveTimeout: keepAlive,
      connections,
      connect,
      connectTimeout,
    }
    const through = proxy === undefined ? null : proxyOf(origin, proxy)
    const pool = through === null ? new Pool(origin, options) : createProxied(through, options, contexts?.foreign)
    pools.set(key, pool)
    const [oldest] = pools
    if (pools.size > mostPools && oldest !== undefined) {
      pools.delete(oldest[0])
      // Lets what is in flight end.
      oldest[1].close().catch(() => {})
    }
    return pool
  }

  return {
    async request({ method, origin, path, headers, body, timeout = 30_000, idle = 30_000, guard }, signal) {
      const from = clock.monotonic()
      let status = 0
      try {
        const data = await open(origin, guard).request({
          origin,
          method,
          path,
          headers: { 'user-agent': userAgent, ...headers },
          body: body ?? null,
          signal,
          // By default undici closes the connection after each HEAD.
          reset: false,
          headersTimeout: timeout,
          bodyTimeout: idle,
        })
        status = data.statusCode
        return createAnswer(data, clock, signal, method)
      } catch (thrown) {
        throw failureOf(thrown, signal)
      } finally {
        observe?.({
          host: origin.slice(origin.indexOf('//') + 2),
          method,
          status,
          seconds: (clock.monotonic() - from) / 1000,
        })
      }
    },
    async close() {
      closed = true
      const all = [...pools.values()]
      pools.clear()
      await Promise.all(all.map((pool) => pool.destroy()))
    },
  }
}

/** `http:` is asked for with the whole URL, `https:` through a tunnel that the proxy opens. */
function createProxied(
  uri: string,
  { connect, ...options }: Pool.Options,
  secure: SecureContext | undefined,
): ProxyAgent {
  return new ProxyAgent({
    ...options,
    uri,
    requestTls: connect as object,
    ...(secure && { proxyTls: { secureContext: secure } }),
    // Else a proxy that is silent after CONNECT is waited for for five minutes.
    clientFactory: (origin, more) =>
      new Pool(origin, { ...more, headersTimeout: options.connectTimeout ?? 10_000, allowH2: false }),
  })
}

/** Made once: reading the roots of this machine takes some 10 ms, which else each connection would pay. */
function secureContexts({ ca, cert, key }: TlsTexts): { own: SecureContext; foreign: SecureContext } {
  const roots = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }
  const foreign = createSecureContext(roots)
  if (cert === undefined || key === undefined) return { own: foreign, foreign }
  return { own: createSecureContext({ ...roots, cert, key }), foreign }
}
