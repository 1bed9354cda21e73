/**
 * The original's five requests on a bare HTTP server, for the drop-in: what it answers is what the original answers,
 * and what it does not know is handed on. No framework: a post costs half of what it costs behind one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asAppError } from '../../../kernel/errors.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import {
  answerPost,
  createListAnswers,
  createRequestIds,
  errorAnswer,
  jsonAnswer,
  type Answer,
  type Speaker,
} from './original.ts'
import { meaningOf, type Meant } from './mux.ts'
import type { Statuses } from '../statuses/statuses.ts'

export interface ListenerOptions {
  readonly statuses: Statuses
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly version: { readonly commit: string; readonly version: string }
  /** Most bytes of a body. */
  readonly mostBytes: number
  /**
   * Who asks, before the body is read; throws AppError for who may not. `reads`: changes nothing. Left out:
   * everybody may do everything.
   */
  readonly admit?: (request: IncomingMessage, reads: boolean) => Speaker | Promise<Speaker>
  /** Takes what the original does not know; false: nor does this. */
  readonly other?: (request: IncomingMessage, response: ServerResponse, path: string) => boolean
  /** After each answer of the five, and of those that nobody knows. */
  readonly log?: (line: RequestLine) => void
  /** Cause of what is answered with 500. */
  readonly failed?: (thrown: unknown) => void
}

export interface RequestLine {
  readonly method: string
  /** Decoded, without its query. */
  readonly path: string
  readonly status: number
  readonly took: Ms
}

const everybody: Speaker = { name: 'anonymous', cluster: null }
const healthy = jsonAnswer({ status: 'ok' })
const notFound = errorAnswer(404, '404 page not found')
const bad: Answer = {
  status: 400,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Connection': 'close' },
  body: Buffer.from('400 Bad Request'),
}

/** The handler for `node:http`. */
export function createOriginalListener(
  options: ListenerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { clock, admit, log, mostBytes } = options
  const lists = createListAnswers(options.statuses)
  const versioned = jsonAnswer({ commit: options.version.commit, version: options.version.version })
  const requestId = createRequestIds(options.randomBytes)

  async function admitted(request: IncomingMessage, reads: boolean): Promise<Speaker> {
    return admit === undefined ? everybody : admit(request, reads)
  }

  async function read(request: IncomingMessage, cluster: string | null): Promise<Answer> {
    const speaker = await admitted(request, true)
    if (speaker.cluster !== null && speaker.cluster !== cluster) {
      return errorAnswer(403, '{"error":"the credential is for another cluster"}')
    }
    return lists(cluster)
  }

  async function take(request: IncomingMessage): Promise<Answer> {
    if (Number(request.headers['content-length'] ?? 0) > mostBytes) return tooLarge
    // Begun before anything is waited for: else what arrives meanwhile would wait for the one who asks.
    const body = readBody(request, mostBytes)
    const speaker = admit === undefined ? everybody : (await Promise.all([admitted(request, false), body]))[0]
    const bytes = await body
    return bytes === null ? tooLarge : answerPost(options, bytes, speaker)
  }

  function answer(request: IncomingMessage, meant: Meant): Answer | Promise<Answer> {
    switch (meant.is) {
      case 'post':
        return take(request)
      case 'list':
        return read(request, null)
      case 'list-of':
        return read(request, meant.cluster)
      case 'healthz':
        return healthy
      case 'version':
        return versioned
      case 'not-allowed': {
        const refused = errorAnswer(405, 'Method Not Allowed')
        return { ...refused, headers: { Allow: meant.allow, ...refused.headers } }
      }
      case 'moved':
        return movedAnswer(request.method ?? '', meant)
      case 'bad':
        return bad
      case 'other':
        return notFound
    }
  }

  const failure = (thrown: unknown) => failureAnswer(thrown, options)

  return (request, response) => {
    const begun = log === undefined ? 0 : clock.monotonic()
    const method = request.method ?? ''
    const meant = meaningOf(method, request.url ?? '/')
    if (meant.is === 'other' && options.other?.(request, response, meant.path) === true) return
    const send = (found: Answer) => {
      sendAnswer(request, response, found, meant.is === 'bad' ? null : requestId())
      log?.({ method, path: pathOf(request), status: found.status, took: clock.monotonic() - begun })
    }
    let found: Answer | Promise<Answer>
    try {
      found = answer(request, meant)
    } catch (thrown) {
      found = failure(thrown)
    }
    if (found instanceof Promise) found.catch(failure).then(send, (thrown: unknown) => options.failed?.(thrown))
    else send(found)
  }
}

/**
 * POST /api/v1/status alone, for a reader of requests that is not node's, where everybody may do everything. What it
 * gives never rejects.
 */
export function createOriginalPost(options: ListenerOptions): (bytes: Uint8Array) => Promise<Sent> {
  const { clock, log } = options
  const requestId = createRequestIds(options.randomBytes)
  return async (bytes) => {
    const begun = log === undefined ? 0 : clock.monotonic()
    const answer = await answerPost(options, bytes, everybody).catch((thrown: unknown) =>
      failureAnswer(thrown, options),
    )
    log?.({ method: 'POST', path: statusPath, status: answer.status, took: clock.monotonic() - begun })
    return { answer, id: requestId() }
  }
}

export interface Sent {
  readonly answer: Answer
  /** Goes into its `X-Request-Id`. */
  readonly id: string
}

export const statusPath = '/api/v1/status'

function failureAnswer(thrown: unknown, { failed }: Pick<ListenerOptions, 'failed'>): Answer {
  const error = asAppError(thrown)
  if (error.class !== 'bug') return errorAnswer(error.status, JSON.stringify({ error: error.detail }))
  failed?.(thrown)
  return errorAnswer(500, '{"error":"internal server error"}')
}

const tooLarge = errorAnswer(413, '{"error":"request body is too large"}')

function movedAnswer(method: string, { location, html }: Extract<Meant, { is: 'moved' }>): Answer {
  const reads = method === 'GET' || method === 'HEAD'
  const type = reads ? { 'Content-Type': 'text/html; charset=utf-8' } : {}
  return { status: 301, headers: { ...type, Location: location }, body: Buffer.from(reads ? html : '') }
}

function sendAnswer(request: IncomingMessage, response: ServerResponse, found: Answer, id: string | null): void {
  const { status, headers, body } = found
  // The rest of a body that nobody wants is not waited for.
  const closes = status === 413 ? { Connection: 'close' } : {}
  // Go does not say that it keeps the connection, only that it does not.
  if (status !== 413 && response.shouldKeepAlive) response.removeHeader('connection')
  response.writeHead(status, {
    ...headers,
    ...(id !== null && { 'X-Request-Id': id }),
    'Content-Length': body.length,
    ...closes,
  })
  // Text goes out with the headers in one piece, bytes would be a piece of their own.
  if (request.method === 'HEAD') response.end()
  else if (found.text !== undefined) response.end(found.text, 'latin1')
  else response.end(body)
}

/** null: more than that. */
function readBody(request: IncomingMessage, most: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    let first: Buffer | null = null
    let parts: Buffer[] | null = null
    let length = 0
    request.on('data', (part: Buffer) => {
      length += part.length
      if (length > most) {
        resolve(null)
        request.pause()
      } else if (first === null) first = part
      else (parts ??= [first]).push(part)
    })
    request.on('end', () => resolve(parts === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(parts)))
    request.on('error', reject)
  })
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const path = url.split('?', 1)[0]!
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
