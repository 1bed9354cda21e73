/** One webhook, sent once; or what became of it, asked for. No redirect is followed. */
import { lookup } from 'node:dns'
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import { guardedLookup, type Resolve } from '../http/addresses.ts'
import { retryAfterOf } from '../http/retry-after.ts'
import { signatureOf } from './sign.ts'

export interface Webhook {
  /** POST without it. A GET has no body, and is signed as one with an empty body. */
  readonly method?: 'POST' | 'GET'
  readonly url: string
  /** The same for every repetition: receivers drop what they know. */
  readonly id: string
  readonly body: string
  /** Each signs; more than one while a new one replaces an old one. */
  readonly secrets: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: Ms
  /** How long the body of the answer may take once its headers are there; half a second. What comes later is cut off. */
  readonly readFor?: Ms
}

export interface Answer {
  readonly status: number
  /** What the receiver asked for with Retry-After. */
  readonly retryAfter: Ms | null
  readonly location: string | null
  /** The beginning of its body, as text. */
  readonly text: string
}

export type SendWebhook = (webhook: Webhook, signal: AbortSignal) => Promise<Answer>

export interface SenderParts {
  readonly clock: Clock
  readonly version: string
  readonly resolve?: Resolve
}

/** Of an answer's body, read so that the connection ends in order; and how long it may take. */
const [mostRead, usualRead]: readonly [number, Ms] = [16_384, 500]

/** Rejects with `target.unavailable` or `timed-out`; messages name the host alone, for a URL may be a secret. */
export function createWebhookSender({ clock, version, resolve = lookup }: SenderParts): SendWebhook {
  const find = guardedLookup(resolve)
  return async ({ method = 'POST', url: text, id, body, secrets, headers, timeout, readFor = usualRead }, signal) => {
    const url = new URL(text)
    const seconds = Math.floor(clock.now() / 1000)
    const deadline = createDeadline(clock, timeout, signal, `webhook to ${url.host}`)
    const answered = Promise.withResolvers<IncomingMessage>()
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(
      url,
      {
        method,
        agent: false,
        lookup: find,
        signal: deadline.signal,
        headers: {
          'user-agent': `regista/${version}`,
          ...headers,
          ...(method === 'POST' && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          'webhook-id': id,
          'webhook-timestamp': String(seconds),
          'webhook-signature': signatureOf(id, seconds, body, secrets),
        },
      },
      answered.resolve,
    )
    request.on('error', answered.reject)
    try {
      request.end(method === 'POST' ? body : undefined)
      const answer = await deadline.within(answered.promise)
      return {
        status: answer.statusCode ?? 0,
        retryAfter: retryAfterOf(answer.headers['retry-after'], clock.now()) || null,
        location: answer.headers.location ?? null,
        text: await beginningOf(answer, clock, readFor),
      }
    } catch (thrown) {
      if (thrown instanceof AppError) throw thrown
      const { code = 'failed' } = thrown as NodeJS.ErrnoException
      throw new AppError('target.unavailable', `webhook to ${url.host}: ${code}`)
    } finally {
      deadline.end()
      request.destroy()
    }
  }
}

async function beginningOf(answer: IncomingMessage, clock: Clock, longest: Ms): Promise<string> {
  const done = new AbortController()
  const pieces: Buffer[] = []
  let read = 0
  answer.on('data', (chunk: Buffer) => {
    if (read < mostRead) pieces.push(chunk)
    read += chunk.length
    if (read > mostRead) done.abort()
  })
  for (const event of ['end', 'close', 'error']) answer.once(event, () => done.abort())
  await clock.sleep(longest, done.signal)
  return Buffer.concat(pieces).subarray(0, mostRead).toString('utf8')
}
