/** One request to the API and its whole answer, in its turn and within its bound. It repeats nothing. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import type { Http, HttpRequest } from '../http/client.ts'
import { errorOfSilence, type Reply } from '../forge/answers.ts'
import { isLimit, limited, restOf } from './errors.ts'
import type { Manners } from './manners.ts'

export interface Exchange {
  /** Rejects when there is no whole answer, when GitHub asks to be left alone, or when `signal` aborts. */
  (ask: ExchangeAsk, signal: AbortSignal): Promise<Reply>
}

export interface ExchangeAsk {
  /** Completes: `github.com did not answer: …`. */
  readonly what: string
  readonly method: HttpRequest['method']
  /** From the API's root, with the query. */
  readonly path: string
  readonly authorization: string
  readonly accept?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Bytes that the answer may have. */
  readonly most?: number
  /** POST that changes nothing that others see needs no pause. */
  readonly kind?: 'read' | 'write'
}

export interface ExchangeParts {
  readonly http: Http
  readonly clock: Clock
  readonly manners: Manners
  readonly api: ApiAddress
  readonly repository: string
  /** For one request and its answer, beside the time that its bytes take. */
  readonly bound?: Ms
}

export interface ApiAddress {
  /** For people: `github.com`. */
  readonly host: string
  readonly origin: string
  /** `/api/v3` or nothing. */
  readonly base: string
  readonly graphql: string
}

/** Bytes per millisecond that come through at least. */
const slowest = 128
const usualMost = 8 << 20

export function createExchange(parts: ExchangeParts): Exchange {
  const { http, clock, manners, api, repository, bound = 30_000 } = parts

  return async (ask, signal) => {
    const { what, method, path, most = usualMost } = ask
    const asked = { host: api.host, repository, what }
    const body = ask.body === undefined ? null : JSON.stringify(ask.body)
    const kind = ask.kind ?? (method === 'GET' ? 'read' : 'write')
    const leave = await manners.enter(kind, (wait) => limited(asked, wait), signal)
    const length = bound + Math.ceil((body?.length ?? 0) / slowest)
    const deadline = createDeadline(clock, length, signal, `${what}, ${repository} at ${api.host}`)
    try {
      const answer = await deadline.within(
        http.request(
          {
            method,
            origin: api.origin,
            path,
            headers: {
              'accept': ask.accept ?? 'application/vnd.github+json',
              'authorization': ask.authorization,
              'x-github-api-version': '2022-11-28',
              ...(body !== null && { 'content-type': 'application/json' }),
              ...ask.headers,
            },
            ...(body !== null && { body }),
            timeout: length,
            idle: bound,
          },
          deadline.signal,
        ),
      )
      const { status, headers } = answer
      const reply: Reply = { status, headers, body: await deadline.within(answer.bytes(most)) }
      if (!isLimit(reply)) {
        manners.answered()
        return reply
      }
      const wait = restOf(reply, clock.now(), manners.limitsInARow)
      manners.rest(wait)
      throw limited(asked, wait, status)
    } catch (thrown) {
      throw errorOfSilence(asked, thrown)
    } finally {
      deadline.end()
      leave()
    }
  }
}
