/** Requests to `/api/v1` about one repository, bounded, and repeated where that is safe. */
import { z } from 'zod'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { fullJitter, type Backoff, type Random } from '../../kernel/retry.ts'
import { headerOf, type Http, type HttpAnswer, type HttpRequest } from '../http/client.ts'
import { errorOfSilence, isLost, malformed, whyOf, type Asked } from '../forge/answers.ts'
import { errorOfReply } from './errors.ts'

export interface GiteaApi {
  /** Rejects with `target.unavailable` or `target.refused`, or with the reason of `signal`. */
  ask<T>(ask: Ask<T>, signal: AbortSignal): Promise<Answer<T>>
  /**
   * Does what must not be done twice. After an answer that was lost `look` tells what became of it (null: nothing),
   * and only then it is done again.
   */
  once<T>(work: () => Promise<T>, look: () => Promise<T | null>, signal: AbortSignal): Promise<T>
}

export interface Ask<T> {
  /** Completes: `gitea.example.org did not answer: …`. */
  readonly what: string
  readonly method?: HttpRequest['method']
  /** After `/api/v1/repos/owner/name`, with the query; `/api/v1…` as it is. */
  readonly path: string
  readonly body?: unknown
  readonly shape: z.ZodType<T>
  /** Statuses beside 2xx that are no errors; their bodies are not read. */
  readonly also?: readonly number[]
  /** Done twice it is as good as once. Default: reads are. */
  readonly repeat?: boolean
}

export interface Answer<T> {
  readonly status: number
  /** null: of a status that was `also` expected. */
  readonly value: T | null
  /** `X-Total-Count` of a list; null: not told. */
  readonly total: number | null
}

export interface ApiParts {
  readonly http: Http
  readonly clock: Clock
  readonly random: Random
  /** Of the server: `https://gitea.example.org`, with the path that it is under. */
  readonly url: URL
  /** owner/name. */
  readonly repository: string
  readonly token: string
  /** For each request. */
  readonly bound?: Ms
}

/** Few and short: whoever asked has a schedule of its own. */
const backoff: Backoff = { first: 500, most: 4000 }
const mostAttempts = 3
/** A page of 50 requests has some 1 MB. */
const mostBytes = 16 << 20

export function createGiteaApi(parts: ApiParts): GiteaApi {
  const { http, clock, random, url, repository, token, bound = 30_000 } = parts
  const base = url.pathname.replace(/\/+$/, '')
  const root = `/api/v1/repos/${repository.split('/').map(encodeURIComponent).join('/')}`
  const hide = (text: string) => text.replaceAll(token, '***')

  async function attempt<T>(ask: Ask<T>, signal: AbortSignal): Promise<Answer<T>> {
    const { what, method = 'GET', path, body, also = [] } = ask
    const asked: Asked = { host: url.host, repository, what }
    const deadline = createDeadline(clock, bound, signal, `${what}, ${repository} at ${url.host}`)
    const headers = {
      accept: 'application/json',
      authorization: `token ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const sent = {
      method,
      headers,
      origin: url.origin,
      path: `${base}${path.startsWith('/api/') ? '' : root}${path}`,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeout: bound,
      idle: bound,
    }
    let answer: HttpAnswer
    let bytes: Buffer
    try {
      answer = await deadline.within(http.request(sent, deadline.signal))
      bytes = await deadline.within(answer.bytes(mostBytes))
    } catch (thrown) {
      throw errorOfSilence(asked, thrown)
    } finally {
      deadline.end()
    }
    const { status } = answer
    const total = Number(headerOf(answer, 'x-total-count') ?? Number.NaN)
    const told = { status, total: Number.isInteger(total) ? total : null }
    if (also.includes(status)) return { ...told, value: null }
    if (status < 200 || status >= 300) {
      throw errorOfReply(asked, { status, headers: answer.headers, body: bytes }, clock.now(), hide)
    }
    return { ...told, value: shaped(ask.shape, bytes, asked) }
  }

  /** Not after a time-out: who lets one request hang lets the next one hang as well. */
  async function repeated<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await work()
      } catch (thrown) {
        if (tried >= mostAttempts || !isLost(thrown) || whyOf(thrown) === 'timed-out') throw thrown
      }
      await clock.sleep(fullJitter(tried - 1, backoff, random), signal)
    }
  }

  return {
    ask(ask, signal) {
      const repeat = ask.repeat ?? (ask.method ?? 'GET') === 'GET'
      return repeat ? repeated(() => attempt(ask, signal), signal) : attempt(ask, signal)
    },
    once(work, look, signal) {
      return repeated(async () => {
        try {
          return await work()
        } catch (thrown) {
          if (!isLost(thrown)) throw thrown
          const done = await look()
          if (done === null) throw thrown
          return done
        }
      }, signal)
    },
  }
}

/** Answers without a body, and those that nobody reads, are taken by `z.unknown()`. */
function shaped<T>(shape: z.ZodType<T>, bytes: Buffer, asked: Asked): T {
  let json: unknown
  try {
    json = bytes.length === 0 ? undefined : JSON.parse(bytes.toString())
  } catch (thrown) {
    throw malformed(asked, 'something that is no JSON', thrown)
  }
  const read = shape.safeParse(json)
  if (read.success) return read.data
  throw malformed(asked, `something else than it should (${read.error.issues[0]?.path.join('.') ?? ''})`, read.error)
}

export const anything = z.unknown()
