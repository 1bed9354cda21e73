/**
 * A client of one docs-builder (deckhouse docs/site/backends/docs-builder, HTTP v1). It builds a site out of
 * uploads of plain tar archives, one for each module and version; it knows no registry and no digest.
 */
import type { Readable } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline, type Deadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import { errorOfAnswer, errorOfConnection, errorOfContent, statusOf } from './errors.ts'
import { builderUrl, isBuilderName, isBuilderVersion } from './names.ts'

export interface Upload {
  readonly module: string
  readonly version: string
  /** At least one. */
  readonly channels: readonly string[]
  /** Of the archive, in bytes. */
  readonly size: number
  /** The archive from its beginning, anew each time. What it rejects with is passed on; nothing was sent then. */
  open(): Promise<Readable> | Readable
}

/** Module → channel → version. */
export type Documents = ReadonlyMap<string, ReadonlyMap<string, string>>

/**
 * Rejects with `target.unavailable`, where a repetition may help, or `target.refused`; `data` is `BuilderErrorData`.
 * No request is repeated here: whoever calls knows what is still wanted.
 */
export interface DocsBuilder {
  /** `host:port`. */
  readonly host: string
  /** Replaces what is there. Fails half-way: what was there before is gone. */
  upload(upload: Upload, signal: AbortSignal): Promise<void>
  /** Also of what is not there. */
  remove(what: { readonly module: string; readonly channels: readonly string[] }, signal: AbortSignal): Promise<void>
  /** Ends when the whole site is built; a builder cancels the build when its client leaves. */
  build(signal: AbortSignal): Promise<void>
  /**
   * What its channels.yaml says, uploads not yet built included. null: it has no such route, as builders
   * before 2025-02. Status 500 also where nothing was ever uploaded.
   */
  documents(signal: AbortSignal): Promise<Documents | null>
  healthy(signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface BuilderCall {
  readonly operation: 'upload' | 'delete' | 'build' | 'documents' | 'health'
  readonly method: string
  readonly host: string
  /** null: no answer came. */
  readonly status: number | null
  readonly timedOut: boolean
  readonly seconds: number
}

export interface DocsBuilderOptions {
  /** `host:port`, or a URL. */
  readonly address: string
  readonly clock: Clock
  readonly bounds?: Partial<BuilderBounds>
  /** Told of every request that was answered or failed. */
  observe?(call: BuilderCall): void
}

export interface BuilderBounds {
  readonly connect: Ms
  readonly delete: Ms
  readonly build: Ms
  readonly documents: Ms
  readonly health: Ms
  /** What an upload may take beside its bytes: the builder removes what is there, and may be busy building. */
  readonly upload: Ms
  /** Bytes per millisecond that an upload makes at least. */
  readonly slowest: number
}

export const standardBounds: BuilderBounds = {
  connect: 5_000,
  delete: 60_000,
  // A whole site of hundreds of modules; cut off earlier, the builder starts from nothing with the next attempt.
  build: 15 * 60_000,
  documents: 30_000,
  // Below the engine's bound for an identity, so that this one's words are heard.
  health: 4_000,
  upload: 60_000,
  slowest: 256,
}

/** However large it is: whoever waits for it has a bound of its own. */
const longestUpload: Ms = 15 * 60_000

/** How long an upload of so many bytes may take. */
export function uploadBound(size: number, bounds: Partial<BuilderBounds> = {}): Ms {
  const { upload, slowest } = { ...standardBounds, ...bounds }
  return Math.min(longestUpload, upload + Math.ceil(size / slowest))
}

/** Of the answers: a list of 10,000 modules is 1 MB; of an error's text the beginning tells enough. */
const [mostDocuments, mostText] = [16 * 1024 * 1024, 1024]

interface Ask {
  readonly operation: BuilderCall['operation']
  /** Completes `did not answer the …`. */
  readonly what: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Readable
  readonly bound: Ms
  readonly expect: readonly number[]
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Throws `config.invalid` where the address is none. */
export function createDocsBuilder(options: DocsBuilderOptions): DocsBuilder {
  const url = builderUrl(options.address)
  if (url === null) throw new AppError('config.invalid', `"${options.address}" is no address of a docs-builder`)
  const bounds = { ...standardBounds, ...options.bounds }
  const { host } = url
  const base = url.pathname.replace(/\/$/, '')
  // A connection for each request: a builder that was restarted is never sent half an upload on a dead one.
  const agent = new Agent({ connect: { timeout: bounds.connect }, pipelining: 0, headersTimeout: 0, bodyTimeout: 0 })
  const exchange = createExchange(agent, url.origin, host, options)

  const names = (module: string, channels: readonly string[]) => {
    // The builder would take an empty list for `stable`.
    if (channels.length === 0) throw new AppError('internal', `no channel of ${module} was named`)
    const wrong = [module, ...channels].find((name) => !isBuilderName(name))
    if (wrong !== undefined) throw refused(host, `"${wrong}" is no name that a docs-builder takes`)
  }

  return {
    host,
    async upload({ module, version, channels, size, open }, signal) {
      names(module, channels)
      if (!isBuilderVersion(version)) throw refused(host, `"${version}" is no version that a docs-builder takes`)
      const body = await open()
      const ask: Ask = {
        operation: 'upload',
        what: `upload of ${module} ${version}`,
        method: 'POST',
        path: `${base}/api/v1/doc/${module}/${version}?channels=${channels.join(',')}`,
        headers: { 'content-type': 'application/tar', 'content-length': String(size) },
        body,
        bound: uploadBound(size, bounds),
        expect: [201],
      }
      try {
        await exchange(ask, signal)
      } finally {
        body.destroy()
      }
    },
    async remove({ module, channels }, signal) {
      names(module, channels)
      const path = `${base}/api/v1/doc/${module}?channels=${channels.join('%2C')}`
      const what = `removal of ${module}`
      await exchange({ operation: 'delete', what, method: 'DELETE', path, bound: bounds.delete, expect: [204] }, signal)
    },
    async build(signal) {
      const headers = { 'content-type': 'application/json', 'content-length': '0' }
      const ask = { operation: 'build', what: 'build', method: 'POST', path: `${base}/api/v1/build`, headers } as const
      await exchange({ ...ask, bound: bounds.build, expect: [200] }, signal)
    },
    async documents(signal) {
      const ask = { operation: 'documents', what: 'question what it holds', method: 'GET' } as const
      const path = `${base}/api/v1/doc`
      const answer = await exchange({ ...ask, path, bound: bounds.documents, expect: [200, 404, 405] }, signal)
      return answer.status === 200 ? documentsOf(host, ask.what, answer.text) : null
    },
    async healthy(signal) {
      const ask = { operation: 'health', what: 'question whether it is well', method: 'GET' } as const
      try {
        await exchange({ ...ask, path: `${base}/healthz`, bound: bounds.health, expect: [200] }, signal)
        return true
      } catch (thrown) {
        if (thrown instanceof AppError && (statusOf(thrown) !== null || 'why' in thrown.data)) return false
        throw thrown
      }
    },
    close: () => agent.destroy(),
  }
}

/** One request and its answer, within its bound, told to whoever counts. */
function createExchange(agent: Agent, origin: string, host: string, { clock, observe }: DocsBuilderOptions) {
  return async (ask: Ask, signal: AbortSignal): Promise<Answer> => {
    const { operation, what, method, path, headers = {}, body = null } = ask
    const deadline = createDeadline(clock, ask.bound, signal, `the ${what} at ${host}`)
    const began = clock.monotonic()
    let status: number | null = null
    let failed: AppError | null = null
    try {
      const request = agent.request({ origin, path, method, headers, body, signal: deadline.signal })
      const answer = await deadline.within(request)
      status = answer.statusCode
      const most = operation === 'documents' && status === 200 ? mostDocuments : mostText
      const text = await textOf(answer.body, deadline, most)
      if (!ask.expect.includes(status)) throw errorOfAnswer(host, what, status, text ?? '')
      if (text === null && most === mostDocuments)
        throw errorOfContent(host, what, 'too-large', `more than ${most} bytes`)
      return { status, text: text ?? '' }
    } catch (thrown) {
      failed = thrown instanceof AppError && 'why' in thrown.data ? thrown : errorOfConnection(host, what, thrown)
      throw failed
    } finally {
      deadline.end()
      const seconds = (clock.monotonic() - began) / 1000
      const timedOut = failed?.data['why'] === 'timed-out'
      // Cut off by us: nothing that the builder did.
      if (failed?.code !== 'aborted') observe?.({ operation, method, host, status, timedOut, seconds })
    }
  }
}

/** The whole text; null: it is longer than that, and the rest is not read. */
async function textOf(body: Dispatcher.ResponseData['body'], deadline: Deadline, most: number): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of deadline.each<Uint8Array>(body)) {
    size += chunk.byteLength
    if (size > most) {
      body.destroy()
      return null
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function documentsOf(host: string, what: string, text: string): Documents {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  let read: unknown
  try {
    // A builder that holds nothing says `null` or `{}`, as Go writes an empty map.
    read = JSON.parse(text) ?? {}
  } catch {
    read = undefined
  }
  const broken = () => errorOfContent(host, what, 'malformed', 'something that is no list of modules')
  if (!isRecord(read)) throw broken()
  const documents = new Map<string, ReadonlyMap<string, string>>()
  for (const [module, channels] of Object.entries(read)) {
    if (!isRecord(channels ?? {})) throw broken()
    const versions = Object.entries((channels ?? {}) as Record<string, unknown>)
    if (versions.some(([, version]) => typeof version !== 'string')) throw broken()
    documents.set(module, new Map(versions as [string, string][]))
  }
  return documents
}

function refused(host: string, detail: string): AppError {
  return new AppError('target.refused', detail, { data: { host, why: 'malformed', reached: false } })
}
