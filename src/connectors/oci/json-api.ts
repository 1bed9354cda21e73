/**
 * An API beside a registry, which tells more of its tags than the protocol does: JSON, by GET. Asked within the same
 * limits, in the same way again, and with the same errors as the registry itself.
 */
import type { z } from 'zod'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import { headerOf, type Http, type HttpAnswer, type HttpRequest } from '../http/client.ts'
import { retryAfterOf } from '../http/retry-after.ts'
import { createAttempts, usualAttempts } from './attempts.ts'
import { unavailable, type Why } from './failure.ts'
import type { Gate } from './gate.ts'

export interface JsonApi {
  /** For people and metrics: `hub.docker.com`. */
  readonly name: string
  readonly origin: string
  /** Before each path: `/api/v3`, or nothing. */
  readonly base: string
  /** null: it says that there is no such thing. Rejects with `source.unavailable`. */
  get<T>(ask: JsonAsk<T>, signal: AbortSignal): Promise<JsonAnswer<T> | null>
}

export interface JsonAsk<T> {
  /** After the base, with the query. */
  readonly path: string
  /** What it is about, for people: `team/shop`. */
  readonly subject: string
  readonly shape: z.ZodType<T>
  /** Any 404 is an answer: of a route that older versions lack. */
  readonly mayLack?: boolean
}

export interface JsonAnswer<T> {
  readonly value: T
  readonly headers: HttpAnswer['headers']
}

export interface Authority {
  /** Header; null: none. */
  authorization(signal: AbortSignal): Promise<string | null>
  /** It was not taken: whether there may be another one. */
  renew?(authorization: string | null): boolean
}

export interface JsonApiParts {
  /** `https://HOST` or `https://HOST/path`. */
  readonly url: string
  readonly http: Http
  readonly gate: Gate
  readonly clock: Clock
  readonly random: Random
  readonly authority: Authority
  /** How long an answer may stay away. */
  readonly timeout?: Ms
  readonly headers?: Readonly<Record<string, string>>
}

const mostBytes = 16 << 20
const longestError = 64 << 10
const usualTimeout: Ms = 30_000

export function createJsonApi(parts: JsonApiParts): JsonApi {
  const { http, gate, clock, random, authority, timeout = usualTimeout, headers = {} } = parts
  const url = new URL(parts.url)
  const base = url.pathname.replace(/\/+$/, '')
  const attempts = createAttempts({ gate, clock, random, where: url.host, most: usualAttempts })

  /** `undefined`: asked again with other credentials. */
  async function once<T>(
    { path, subject, shape, mayLack }: JsonAsk<T>,
    authorization: string | null,
    mayRenew: boolean,
    signal: AbortSignal,
  ): Promise<JsonAnswer<T> | null | undefined> {
    const where = `${url.host}/${subject}`
    const request: HttpRequest = {
      method: 'GET',
      origin: url.origin,
      path: `${base}${path}`,
      headers: { accept: 'application/json', ...headers, ...(authorization !== null && { authorization }) },
      timeout,
      idle: timeout,
    }
    const answer = await http.request(request, signal)
    noteRemaining(gate, answer, clock.now())
    const { status } = answer
    if (status === 200) return { value: read(await answer.bytes(mostBytes), shape, where), headers: answer.headers }
    if (status === 401 && mayRenew && authority.renew?.(authorization) === true) {
      answer.dump()
      return undefined
    }
    const body = (await answer.bytes(longestError, 5000).catch(() => Buffer.alloc(0))).toString()
    if (status === 404 && (mayLack === true || isObject(body))) return null
    throw failureOf(answer, body, where, clock.now())
  }

  return {
    name: url.host,
    origin: url.origin,
    base,
    async get<T>(ask: JsonAsk<T>, signal: AbortSignal) {
      for (let renewed = false; ; renewed = true) {
        gate.spend()
        // Not within an attempt: credentials may have to be asked for, in a place of their own.
        const authorization = await authority.authorization(signal)
        const found = await attempts.run((within) => once(ask, authorization, !renewed, within), signal)
        if (found !== undefined) return found
      }
    },
  }
}

function read<T>(bytes: Buffer, shape: z.ZodType<T>, where: string): T {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString())
  } catch (cause) {
    throw unavailable('malformed', where, 'it answers with something that is no JSON; check its address', { cause })
  }
  const found = shape.safeParse(json)
  if (found.success) return found.data
  const at = found.error.issues[0]?.path.join('.') ?? ''
  throw unavailable('malformed', where, `it answers with something else than it should (${at})`, { cause: found.error })
}

function isObject(body: string): boolean {
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null
  } catch {
    return false
  }
}

/** `x-ratelimit-reset` is a moment; of a clock that is not ours, so the answer's own date counts. */
function untilReset({ headers }: HttpAnswer, now: Instant): Ms | null {
  const reset = Number(headers['x-ratelimit-reset'] ?? Number.NaN)
  if (!Number.isFinite(reset)) return null
  const theirs = Date.parse(String(headers['date']))
  return Math.max(reset * 1000 - (Number.isNaN(theirs) ? now : theirs), 1000)
}

function noteRemaining(gate: Gate, answer: HttpAnswer, now: Instant): void {
  const left = Number.parseInt(headerOf(answer, 'x-ratelimit-remaining') ?? '', 10)
  const over = untilReset(answer, now)
  if (left >= 0 && over !== null) gate.left(left, over)
}

const steps: Partial<Record<Why, string>> = {
  'unauthorized': '; check the credentials for it',
  'forbidden': '; the account needs the right to read packages there',
  'rate-limited': '; asked again when it allows it',
}

function failureOf(answer: HttpAnswer, body: string, where: string, now: Instant): AppError {
  const { status, headers } = answer
  const said = retryAfterOf(headers['retry-after'] ?? headers['x-retry-after'], now)
  const why = whyOfAnswer(answer, body, said !== null)
  const retryAfter = why !== 'rate-limited' ? null : (said ?? untilReset(answer, now))
  const facts = { status, ...(retryAfter !== null && { retryAfter }) }
  return unavailable(why, where, `HTTP ${status}${steps[why] ?? ''}`, facts)
}

/** GitHub says 403 for limits, with nothing remaining, or with a word about it (docs: rate limits). */
function whyOfAnswer(answer: HttpAnswer, body: string, waits: boolean): Why {
  const { status } = answer
  if (status === 429 || (status === 503 && waits)) return 'rate-limited'
  if (status === 401) return 'unauthorized'
  if (status === 403) {
    const limited = waits || headerOf(answer, 'x-ratelimit-remaining') === '0' || /rate limit|abuse detect/i.test(body)
    return limited ? 'rate-limited' : 'forbidden'
  }
  if (status === 408 || status === 504) return 'timed-out'
  return status >= 500 ? 'server-error' : 'malformed'
}
