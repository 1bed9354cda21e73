/** Calls into a worker thread, or within the one that asks, answered in order. The same file serves both ends. */
import { parentPort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { Instant, Ms } from '../../kernel/clock.ts'
import { AppError, asAppError, type ErrorCode } from '../../kernel/errors.ts'
import type { Shape } from '../cells.ts'

/** KiB. */
export const usualCache = 32 * 1024

/** What the writer's thread is started with. */
export interface WriterData {
  readonly path: string
  readonly shapes: ReadonlyMap<string, Shape>
  readonly now: Instant
  readonly commitDelay: Ms
  readonly cache: number
}

/** What the reader's thread is started with. */
export interface ReaderData {
  readonly path: string
  /** KiB of pages that each connection keeps. */
  readonly cache: number
}

export interface Link {
  call<T>(operation: string, ...parameters: readonly unknown[]): Promise<T>
  /** As `call`, for answers that come in parts, so that a long one does not stall this thread at once. */
  parts(operation: string, onPart: (part: never) => void, ...parameters: readonly unknown[]): Promise<void>
  /** Ends the worker. Calls that are still waiting are rejected. */
  end(): Promise<void>
}

interface Call {
  readonly id: number
  readonly operation: string
  readonly parameters: readonly unknown[]
}

type Told = { readonly id: number; readonly part: unknown } | { readonly id: number; readonly value: unknown }
type Answer = Told | { readonly id: number; readonly error: SentError }

/** An AppError in fields: class and code do not survive the structured clone. */
export interface SentError {
  readonly code: ErrorCode
  readonly detail: string
  readonly data: Record<string, unknown>
  readonly stack: string
}

interface Waiter {
  readonly resolve: (value: never) => void
  readonly reject: (error: AppError) => void
  readonly onPart: ((part: never) => void) | undefined
}

export function linkWriter(data: WriterData): Link {
  return linkWorker('writer', data)
}

export function linkReader(path: string, cache: number = usualCache): Link {
  return linkWorker('reader', { path, cache } satisfies ReaderData)
}

function linkWorker(name: 'writer' | 'reader', workerData: object): Link {
  // `.ts` in a checkout, `.js` in the package.
  const file = new URL(`./${name}${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
  const worker = new Worker(file, { workerData })
  const waiting = new Map<number, Waiter>()
  let last = 0
  let gone: AppError | null = null

  const fail = (error: AppError) => {
    gone ??= error
    for (const waiter of waiting.values()) waiter.reject(error)
    waiting.clear()
  }
  worker.on('message', (answer: Answer) => {
    const waiter = waiting.get(answer.id)
    if (!waiter) return
    if ('part' in answer) {
      try {
        waiter.onPart?.(answer.part as never)
      } catch (error) {
        waiting.delete(answer.id)
        waiter.reject(asAppError(error, 'journal.broken'))
      }
      return
    }
    waiting.delete(answer.id)
    if ('error' in answer) waiter.reject(receivedError(answer.error))
    else waiter.resolve(answer.value as never)
  })
  const lost = (cause: unknown) =>
    fail(new AppError('journal.unavailable', 'the database thread ended', { cause, data: { effect: 'unknown' } }))
  worker.on('error', lost)
  worker.on('messageerror', lost)
  worker.on('exit', lost)

  const send = <T>(call: Omit<Call, 'id'>, onPart?: (part: never) => void): Promise<T> => {
    if (gone) return Promise.reject(gone)
    return new Promise<T>((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject, onPart })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
      worker.postMessage({ id: last, ...call } satisfies Call)
    })
  }
  return {
    call: (operation, ...parameters) => send({ operation, parameters }),
    parts: (operation, onPart, ...parameters) => send({ operation, parameters }, onPart),
    async end() {
      fail(new AppError('journal.closed', 'it was closed'))
      await worker.terminate()
    },
  }
}

/**
 * Answers within the thread that asks: no second one, which would take 11 MB and more, but whoever else
 * has something to do in it waits for the disk. What is asked in one turn of the loop is done in the next.
 */
export function linkHere(handlers: Handlers, asError: AsError): Link {
  const waiters = new Map<number, Waiter>()
  let waiting: Call[] = []
  let last = 0
  let gone: AppError | null = null
  const settle = (id: number) => {
    const waiter = waiters.get(id)
    waiters.delete(id)
    return waiter
  }
  const refuse = (id: number, thrown: unknown) => settle(id)?.reject(asError(thrown))
  const post = (told: Told) => {
    // What it throws goes to the handler, and from there to the one who waits.
    if ('part' in told) waiters.get(told.id)?.onPart?.(told.part as never)
    else settle(told.id)?.resolve(told.value as never)
  }
  const serve = createServe(handlers, post, refuse)
  const turn = () => {
    const calls = waiting
    waiting = []
    serve(calls)
  }
  const send = <T>(call: Omit<Call, 'id'>, onPart?: (part: never) => void): Promise<T> => {
    if (gone) return Promise.reject(gone)
    return new Promise<T>((resolve, reject) => {
      last += 1
      waiters.set(last, { resolve, reject, onPart })
      if (waiting.length === 0) setImmediate(turn)
      waiting.push({ id: last, ...call })
    })
  }
  return {
    call: (operation, ...parameters) => send({ operation, parameters }),
    parts: (operation, onPart, ...parameters) => send({ operation, parameters }, onPart),
    end() {
      gone = new AppError('journal.closed', 'it was closed')
      waiting = []
      for (const id of waiters.keys()) settle(id)?.reject(gone)
      return Promise.resolve()
    },
  }
}

export function receivedError({ code, detail, data, stack }: SentError): AppError {
  const cause = new Error(detail)
  cause.stack = stack
  return new AppError(code, detail, { cause, data })
}

export function sentError(error: AppError): SentError {
  const { code, detail, data } = error
  return { code, detail, data: { ...data }, stack: String((error.cause as Error)?.stack ?? error.stack) }
}

export type Part = (part: unknown) => void

export interface Handlers {
  /** Answers each call with what the handler of its name returns. */
  readonly each: Readonly<Record<string, (part: Part, ...parameters: never[]) => unknown>>
  /**
   * For calls that are cheaper together. Gets the parameters of all that wait in a row, and returns the
   * answers to as many of them, from the first on, as it took.
   */
  readonly together?: Readonly<Record<string, (waiting: never) => readonly unknown[]>>
}

/** Inside the worker. Calls are begun in the order in which they came. */
export function serveLink(handlers: Handlers, asError: AsError): void {
  const port = parentPort!
  const refuse = (id: number, thrown: unknown) => port.postMessage({ id, error: sentError(asError(thrown)) })
  const serve = createServe(handlers, (answer: Answer) => port.postMessage(answer), refuse)
  port.on('message', (first: Call) => {
    const waiting = [first]
    // What came while the call before was handled is here already: no turn of the loop for each.
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) waiting.push(next.message)
    serve(waiting)
  })
}

type AsError = (thrown: unknown) => AppError

function createServe(
  { each, together = {} }: Handlers,
  post: (answer: Told) => void,
  refuse: (id: number, thrown: unknown) => void,
): (calls: readonly Call[]) => void {
  const answer = ({ id, operation, parameters }: Call): void => {
    try {
      const value = each[operation]!((part) => post({ id, part }), ...(parameters as never[]))
      // Awaiting a plain value would cost a turn.
      if (!(value instanceof Promise)) post({ id, value })
      else void value.then((settled) => post({ id, value: settled })).catch((thrown) => refuse(id, thrown))
    } catch (thrown) {
      refuse(id, thrown)
    }
  }
  const answerTogether = (calls: readonly Call[]): number => {
    try {
      const values = together[calls[0]!.operation]!(calls.map((call) => call.parameters) as never)
      for (const [at, value] of values.entries()) post({ id: calls[at]!.id, value })
      return values.length
    } catch (thrown) {
      for (const { id } of calls) refuse(id, thrown)
      return calls.length
    }
  }
  return (calls) => {
    let waiting = calls
    while (waiting.length > 0) {
      const { operation } = waiting[0]!
      if (operation in together) {
        const other = waiting.findIndex((call) => call.operation !== operation)
        waiting = waiting.slice(answerTogether(other === -1 ? waiting : waiting.slice(0, other)))
      } else {
        answer(waiting[0]!)
        waiting = waiting.slice(1)
      }
    }
  }
}
