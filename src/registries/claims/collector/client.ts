/** The API of a collector: the original's (one status at a time), and ours, as far as it has it. See wire.ts. */
import { z, type ZodType } from 'zod'
import { headerOf, HttpFailure, type Http, type HttpAnswer } from '../../../connectors/http/client.ts'
import { retryAfterOf } from '../../../connectors/http/retry-after.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import {
  batchAnswer,
  shown,
  snapshotAnswer,
  wireLimits,
  wirePaths,
  type Batch,
  type PostedStatus,
  type Result,
  type Snapshot,
  type SnapshotAnswer,
} from '../wire.ts'

export interface CollectorClientOptions {
  /** With or without a path, with or without a slash at its end. */
  readonly url: string
  readonly http: Pick<Http, 'request'>
  readonly clock: Clock
  /** Asked for each request: a projected token is replaced while we run. null: none. */
  readonly token: () => Promise<string | null>
}

/** null: the collector has no such route. Rejects with `target.unavailable`; `data.why` says more. */
export interface CollectorClient {
  /** For people. */
  readonly address: string
  /** Resolves to null when it was taken, else to why this one is not. */
  post(status: PostedStatus, signal: AbortSignal): Promise<string | null>
  /** `too-large`: to be sent in parts. */
  batch(batch: Batch, signal: AbortSignal): Promise<readonly Result[] | 'too-large' | null>
  snapshot(cluster: string, snapshot: Snapshot, signal: AbortSignal): Promise<SnapshotAnswer | 'too-large' | null>
  /** With the `etag` of an earlier answer that still holds: `unchanged`. */
  held(cluster: string, etag: string | null, signal: AbortSignal): Promise<HeldStatuses | 'unchanged' | null>
  /** As every collector tells them. */
  statuses(cluster: string, signal: AbortSignal): Promise<readonly { claimRef: string; statusMessage: string }[]>
}

export interface HeldStatuses {
  readonly items: readonly PostedStatus[]
  readonly etag: string | null
}

const listed = z.array(z.object({ claimRef: z.string(), statusMessage: z.string() }))

/** The original's informer waits so long. */
const answerBound: Ms = 10_000
/** A snapshot of 100,000 claims is written before it is answered. */
const snapshotBound: Ms = 60_000
/** Of texts that say what went wrong. */
const mostText = 4096

interface Asking {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: unknown
  readonly etag?: string | null
  readonly bound?: Ms
}

export function createCollectorClient({ url, http, clock, token }: CollectorClientOptions): CollectorClient {
  const { origin, pathname, host } = new URL(url)
  const base = pathname.replace(/\/+$/, '')
  const address = `${host}${base}`

  async function ask({ method, path, body, etag, bound = answerBound }: Asking, signal: AbortSignal) {
    const bearer = await token()
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
      ...(etag != null && { 'if-none-match': etag }),
    }
    const text = body === undefined ? {} : { body: JSON.stringify(body) }
    try {
      return await http.request({ method, origin, path: base + path, headers, ...text, timeout: bound }, signal)
    } catch (thrown) {
      throw failure(thrown)
    }
  }

  function failure(thrown: unknown): unknown {
    if (!(thrown instanceof HttpFailure)) return thrown
    return unavailable(thrown.message, thrown.why, { cause: thrown })
  }

  function unavailable(said: string, why: string, more: { cause?: unknown; retryAfter?: Ms } = {}): AppError {
    const { cause, retryAfter } = more
    const data = { host, why, ...(retryAfter !== undefined && { retryAfter }) }
    return new AppError('target.unavailable', `collector ${address}: ${said}`, { cause, data })
  }

  /** Of an answer that is none of those that were expected. */
  async function refusal(answer: HttpAnswer): Promise<AppError> {
    const { status } = answer
    const said = await textOf(answer)
    const told = `HTTP ${status}${said === '' ? '' : ` (${said})`}`
    if (status === 401 || status === 403) {
      return unavailable(`${told}; check the token, and that it may speak for this cluster`, 'forbidden')
    }
    if (status >= 300 && status < 400) {
      answer.dump()
      const to = headerOf(answer, 'location') ?? 'nowhere'
      return unavailable(`${told}; it redirects to ${to.split('?', 1)[0]}: name that address`, 'redirected')
    }
    const retryAfter = retryAfterOf(answer.headers['retry-after'], clock.now())
    const why = status === 429 ? 'rate-limited' : 'server-error'
    return unavailable(told, why, retryAfter === null ? {} : { retryAfter })
  }

  async function textOf(answer: HttpAnswer): Promise<string> {
    const bytes = await answer.bytes(mostText).catch(() => Buffer.alloc(0))
    return (bytes.toString().split('\n', 1)[0] ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)
  }

  async function read<T>(answer: HttpAnswer, schema: ZodType<T>, most: number): Promise<T> {
    let found: unknown
    try {
      found = JSON.parse((await answer.bytes(most)).toString())
    } catch (thrown) {
      throw thrown instanceof SyntaxError ? unavailable('an answer that is no JSON', 'malformed') : failure(thrown)
    }
    const parsed = schema.safeParse(found)
    if (parsed.success) return parsed.data
    throw unavailable('an answer that is not what it should be', 'malformed', { cause: parsed.error })
  }

  /** The original answers 405 where it knows the path by another method. */
  function hasNoSuch({ status }: HttpAnswer): boolean {
    return status === 404 || status === 405 || status === 501
  }

  return {
    address,
    async post(status, signal) {
      const answer = await ask({ method: 'POST', path: wirePaths.status, body: status }, signal)
      if (answer.status === 201) {
        answer.dump()
        return null
      }
      if (answer.status === 400 || answer.status === 413 || answer.status === 422) {
        return `collector ${address}: HTTP ${answer.status} (${await textOf(answer)})`
      }
      throw await refusal(answer)
    },
    async batch(batch, signal) {
      const answer = await ask({ method: 'POST', path: wirePaths.batch, body: batch }, signal)
      if (answer.status === 200) {
        const { results } = await read(answer, batchAnswer, wireLimits.batchBytes)
        if (results.length === batch.items.length) return results
        throw unavailable(`${results.length} results for ${batch.items.length} items`, 'malformed')
      }
      if (!hasNoSuch(answer) && answer.status !== 413) throw await refusal(answer)
      answer.dump()
      return answer.status === 413 ? 'too-large' : null
    },
    async snapshot(cluster, body, signal) {
      const path = wirePaths.snapshot(cluster)
      const answer = await ask({ method: 'PUT', path, body, bound: snapshotBound }, signal)
      if (answer.status === 200) return read(answer, snapshotAnswer, wireLimits.batchBytes)
      if (!hasNoSuch(answer) && answer.status !== 413) throw await refusal(answer)
      answer.dump()
      return answer.status === 413 ? 'too-large' : null
    },
    async held(cluster, etag, signal) {
      const answer = await ask({ method: 'GET', path: wirePaths.snapshot(cluster), etag, bound: snapshotBound }, signal)
      if (answer.status === 200) {
        const { items } = await read(answer, shown, wireLimits.snapshotBytes)
        return { items, etag: headerOf(answer, 'etag') ?? null }
      }
      if (answer.status !== 304 && !hasNoSuch(answer)) throw await refusal(answer)
      answer.dump()
      return answer.status === 304 ? 'unchanged' : null
    },
    async statuses(cluster, signal) {
      const answer = await ask({ method: 'GET', path: wirePaths.statusesOf(cluster) }, signal)
      if (answer.status !== 200) throw await refusal(answer)
      return read(answer, listed, wireLimits.snapshotBytes)
    },
  }
}
