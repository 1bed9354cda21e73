/** Requests about one repository: with credentials, with validators where an answer is read again and again, repeated where that is safe. */
import type { Clock } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import { fullJitter, type Backoff, type Random } from '../../kernel/retry.ts'
import type { HttpRequest } from '../http/client.ts'
import type { Authority } from './credentials.ts'
import { isLost, malformed, whyOf, type Asked, type Reply } from '../forge/answers.ts'
import { errorOfReply, isShortLimit } from './errors.ts'
import type { ApiAddress, Exchange, ExchangeAsk } from './exchange.ts'

export interface Ask {
  /** Completes: `github.com did not answer: …`. */
  readonly what: string
  readonly method?: HttpRequest['method']
  /** After `/repos/owner/name`, with the query. */
  readonly path: string
  readonly accept?: string
  readonly body?: unknown
  /** Beside 2xx: statuses that are answers, too. */
  readonly also?: readonly number[]
  /** Kept with its ETag: what did not change costs nothing of the limit. */
  readonly validated?: boolean
  /** Done twice it is as good as once: repeated when an answer is lost. Default: reads are. */
  readonly repeat?: boolean
  readonly most?: number
}

export interface Answer {
  readonly status: number
  readonly headers: Reply['headers']
  /** undefined: no body. */
  readonly json: unknown
}

export interface Send {
  (ask: Ask, signal: AbortSignal): Promise<Answer>
  /** The query's `data`; null: no GraphQL here. What it refuses is told as messages. */
  graphql(ask: GraphqlAsk, signal: AbortSignal): Promise<GraphqlAnswer | null>
  /** For errors about what an answer says. */
  asked(what: string): Asked
  /**
   * Does what must not be done twice. After an answer that was lost `look` tells what became of it (null: nothing),
   * and only then it is done again.
   */
  once<T>(work: () => Promise<T>, look: () => Promise<T | null>, signal: AbortSignal): Promise<T>
}

export interface GraphqlAsk {
  readonly what: string
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

export interface GraphqlAnswer {
  readonly data: unknown
  readonly refused: string | null
}

export interface SendParts {
  readonly exchange: Exchange
  readonly authority: Authority
  readonly clock: Clock
  readonly random: Random
  readonly api: ApiAddress
  /** owner/name. */
  readonly repository: string
}

/** Few and short: whoever asked has a schedule of its own. */
const backoff: Backoff = { first: 500, most: 4000 }
const mostAttempts = 3
const mostValidated = 64

export function createSend(parts: SendParts): Send {
  const { exchange, authority, clock, random, api, repository } = parts
  const root = `${api.base}/repos/${repository.split('/').map(encodeURIComponent).join('/')}`
  const validated = createValidated()
  const asked = (what: string): Asked => ({ host: api.host, repository, what })

  /** What a limit turned away was surely not done: asked again when the pause is short, for the next turn waits for it. */
  async function patiently(ask: ExchangeAsk, signal: AbortSignal): Promise<Reply> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await exchange(ask, signal)
      } catch (thrown) {
        if (tried >= mostAttempts || !isShortLimit(thrown)) throw thrown
      }
    }
  }

  /** With credentials; once more with new ones where these have run out. */
  async function authorized(ask: Ask, path: string, signal: AbortSignal): Promise<Reply & { authorization: string }> {
    const { what, method = 'GET', accept, body, most } = ask
    for (let renewed = false; ; renewed = true) {
      const authorization = await authority.authorization(signal)
      const etag = ask.validated === true ? validated.etag(authorization, path) : undefined
      const reply = await patiently(
        {
          what,
          method,
          path,
          authorization,
          ...(accept !== undefined && { accept }),
          ...(body !== undefined && { body }),
          ...(most !== undefined && { most }),
          ...(etag !== undefined && { headers: { 'if-none-match': etag } }),
        },
        signal,
      )
      if (reply.status !== 401 || renewed || !authority.renew(authorization)) return { ...reply, authorization }
    }
  }

  async function attempt(ask: Ask, path: string, signal: AbortSignal): Promise<Answer> {
    const { authorization, ...reply } = await authorized(ask, path, signal)
    const { status, headers } = reply
    const kept = ask.validated === true && status === 304 ? validated.answer(path) : undefined
    if (kept !== undefined) return kept
    if (!(status >= 200 && status < 300) && ask.also?.includes(status) !== true) {
      throw errorOfReply(asked(ask.what), reply, authority.hide)
    }
    const answer: Answer = { status, headers, json: jsonOf(asked(ask.what), reply) }
    if (ask.validated === true && status === 200) validated.keep(authorization, path, answer)
    return answer
  }

  async function repeated<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await work()
      } catch (thrown) {
        if (!isLost(thrown) || !worthAnother(tried, thrown)) throw thrown
      }
      await clock.sleep(fullJitter(tried - 1, backoff, random), signal)
    }
  }

  const send = (ask: Ask, signal: AbortSignal): Promise<Answer> => {
    const path = `${root}${ask.path}`
    const repeat = ask.repeat ?? (ask.method ?? 'GET') === 'GET'
    return repeat ? repeated(() => attempt(ask, path, signal), signal) : attempt(ask, path, signal)
  }

  return Object.assign(send, {
    asked,
    async graphql({ what, query, variables }: GraphqlAsk, signal: AbortSignal): Promise<GraphqlAnswer | null> {
      const ask: Ask = { what, method: 'POST', path: '', body: { query, variables }, also: [404, 405] }
      const { status, json } = await attempt(ask, api.graphql, signal)
      return status >= 400 ? null : graphqlAnswerOf(asked(what), json)
    },
    async once<T>(work: () => Promise<T>, look: () => Promise<T | null>, signal: AbortSignal): Promise<T> {
      for (let tried = 1; ; tried += 1) {
        try {
          return await work()
        } catch (thrown) {
          if (!isLost(thrown)) throw thrown
          const done = await look()
          if (done !== null) return done
          if (!worthAnother(tried, thrown)) throw thrown
        }
        await clock.sleep(fullJitter(tried - 1, backoff, random), signal)
      }
    },
  })
}

/** Not after a time-out: who lets one request hang lets the next one hang as well. */
function worthAnother(tried: number, lost: AppError): boolean {
  return tried < mostAttempts && whyOf(lost) !== 'timed-out'
}

function graphqlAnswerOf(asked: Asked, json: unknown): GraphqlAnswer | null {
  const { data, errors } = (json ?? {}) as { data?: unknown; errors?: unknown }
  if (!Array.isArray(errors) || errors.length === 0) return { data, refused: null }
  const all = errors as { message?: unknown; type?: unknown; extensions?: { code?: unknown } }[]
  // An old server whose schema lacks the mutation.
  if (all.some(({ extensions }) => extensions?.code === 'undefinedField')) return null
  const said = all.map(({ message }) => String(message)).join('; ')
  // What has no type is an accident of theirs ("Something went wrong while executing your query").
  if (!all.every(({ type }) => typeof type === 'string')) throw malformed(asked, `an error without a type (${said})`)
  return { data, refused: said }
}

function jsonOf(asked: Asked, { status, body }: Reply): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString()) as unknown
  } catch (thrown) {
    // Of an answer that is none of the expected ones the status tells enough.
    if (status >= 400) return undefined
    throw malformed(asked, 'something that is no JSON', thrown)
  }
}

/** Answers by path. Their ETags are worth nothing for other credentials: GitHub makes them depend on the token. */
function createValidated() {
  const known = new Map<string, { authorization: string; etag: string; answer: Answer }>()
  return {
    etag(authorization: string, path: string): string | undefined {
      const found = known.get(path)
      return found?.authorization === authorization ? found.etag : undefined
    },
    answer: (path: string) => known.get(path)?.answer,
    keep(authorization: string, path: string, answer: Answer): void {
      known.delete(path)
      const { etag } = answer.headers
      if (typeof etag !== 'string') return
      known.set(path, { authorization, etag, answer })
      const [oldest] = known.keys()
      if (known.size > mostValidated && oldest !== undefined) known.delete(oldest)
    },
  }
}
