/**
 * Calls to one of several endpoints: the one that answered last comes first; one that does not
 * answer is passed over for the others. @grpc/grpc-js is loaded with the first call (45 ms, 17 MB), so
 * that commands without etcd do not pay for it.
 */
import type { Client } from '@grpc/grpc-js'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { connected, follow, open, readEndpoint, unary, type Grpc, type TlsFiles } from './channel.ts'
import { answers, asAnswer, isCallError, nameOfCode, status } from './errors.ts'
import type { Method } from './messages.ts'

export type { TlsFiles } from './channel.ts'

export interface Endpoints {
  /** Fails with AppError: `target.unavailable` (data.effect tells whether it may have been done) or `target.refused`. */
  call<Q, A>(method: Method<Q, A>, question: Q, options: CallOptions): Promise<A>
  /**
   * Asks, and hands over every answer as it comes; resolves when the server ends the stream. `turn`
   * chooses the endpoint: 0 is the one that answered last, 1 the next one.
   */
  stream<Q, A>(method: Method<Q, A>, question: Q, options: StreamOptions<A>): Promise<void>
  close(): void
}

export interface EndpointOptions {
  readonly endpoints: readonly string[]
  readonly tls?: () => Promise<TlsFiles>
  readonly timeout: Ms
  readonly clock: Clock
  readonly observe?: (call: ObservedCall) => void
}

/** One question to one endpoint, and how it ended. */
export interface ObservedCall {
  /** `Range`, `Txn`, `Authenticate`. */
  readonly method: string
  readonly endpoint: string
  readonly ms: Ms
  /** As gRPC names it: `OK`, `UNAVAILABLE`, … */
  readonly code: string
}

export interface CallOptions {
  readonly signal: AbortSignal
  /** What is written is not sent to another endpoint once it may have arrived at one. */
  readonly writing: boolean
  readonly token?: string
}

export interface StreamOptions<A> {
  readonly signal: AbortSignal
  readonly token?: string
  readonly turn: number
  readonly heard: (answer: A) => void
}

/** Longest wait for a connection to one endpoint while there are others. */
const connecting: Ms = 2000
/** Members without a leader are asked again after this: an election takes one to two seconds. */
const electing: Ms = 100

export function createEndpoints(options: EndpointOptions): Endpoints {
  const { clock, timeout } = options
  const addresses = options.endpoints.map(readEndpoint)
  const clientOf = createClients(addresses, options.tls)
  /** The endpoint to ask first. */
  let current = 0

  async function ready(index: number, how: { signal: AbortSignal; token?: string; until: Instant }) {
    const { grpc, client } = await clientOf.get(index)
    const bound = addresses.length > 1 ? Math.min(how.until, clock.now() + connecting) : how.until
    if (!(await connected(grpc, client.getChannel(), bound, how.signal))) {
      const { address } = addresses[index]!
      throw new AppError('target.unavailable', `no connection to etcd at ${address} in time`, {
        data: { endpoint: address, effect: 'none' },
      })
    }
    const metadata = new grpc.Metadata()
    // A member that lost the others then says so at once, instead of letting the call wait for them.
    metadata.set('hasleader', 'true')
    if (how.token !== undefined) metadata.set('token', how.token)
    return { client, metadata }
  }

  async function ask<Q, A>(index: number, method: Method<Q, A>, question: Q, how: CallOptions & { until: Instant }) {
    const began = clock.monotonic()
    const tell = (code: string) =>
      options.observe?.({
        method: method.path.slice(method.path.lastIndexOf('/') + 1),
        endpoint: addresses[index]!.address,
        ms: clock.monotonic() - began,
        code,
      })
    try {
      const { client, metadata } = await ready(index, how)
      const answer = await unary(client, method, question, metadata, how.until, how.signal)
      tell('OK')
      return answer
    } catch (thrown) {
      tell(how.signal.aborted ? 'CANCELLED' : nameOfCode(thrown))
      throw thrown
    }
  }

  /** What an endpoint said instead of an answer; throws it when the others are not to be asked. */
  function judge(index: number, thrown: unknown, { signal, writing }: CallOptions): AppError {
    if (signal.aborted) throw new AppError('aborted', 'call to etcd', { cause: thrown })
    const failed = asAnswer(thrown, addresses[index]!.address, writing)
    if (failed.code === 'target.unavailable') {
      // The next call begins elsewhere, also where this one must not be sent twice.
      if (current === index) current = (index + 1) % addresses.length
      clientOf.suspect(index)
    }
    if (!maybeElsewhere(thrown, failed)) throw failed
    return failed
  }

  /** Every endpoint once. */
  async function round<Q, A>(method: Method<Q, A>, question: Q, how: CallOptions, until: Instant): Promise<A> {
    const first = current
    let failed: AppError | null = null
    let leaderless = false
    for (let tried = 0; tried < addresses.length; tried++) {
      if (how.signal.aborted) throw new AppError('aborted', 'call to etcd', { cause: how.signal.reason })
      const index = (first + tried) % addresses.length
      const left = until - clock.now()
      if (failed !== null && left <= 0) break
      const others = tried < addresses.length - 1
      // What is written cannot be tried elsewhere after a time-out: it gets all the time there is.
      const share = others && !how.writing ? left / 2 : left
      try {
        const answer = await ask(index, method, question, { ...how, until: clock.now() + share })
        current = index
        return answer
      } catch (thrown) {
        failed = judge(index, thrown, how)
        leaderless ||= isCallError(thrown) && answers.noLeader(thrown)
      }
    }
    throw leaderless ? new Leaderless(failed!) : failed!
  }

  return {
    async call(method, question, how) {
      const until = clock.now() + timeout
      for (;;) {
        try {
          return await round(method, question, how, until)
        } catch (thrown) {
          if (!(thrown instanceof Leaderless)) throw thrown
          if (clock.now() + electing >= until) throw thrown.failed
          await clock.sleep(electing, how.signal)
        }
      }
    },
    async stream(method, question, how) {
      const index = (current + how.turn) % addresses.length
      try {
        const { client, metadata } = await ready(index, { ...how, until: clock.now() + timeout })
        const { path, encode, decode } = method
        await follow(client.makeBidiStreamRequest(path, encode, decode, metadata), question, how)
      } catch (thrown) {
        if (how.signal.aborted) throw new AppError('aborted', 'watch of etcd', { cause: thrown })
        const failed = asAnswer(thrown, addresses[index]!.address, false)
        if (failed.code === 'target.unavailable') clientOf.suspect(index)
        throw failed
      }
    },
    close: () => clientOf.close(),
  }
}

/** Somebody is there, and an election is going on: surely nothing was done. */
class Leaderless extends Error {
  readonly failed: AppError
  constructor(failed: AppError) {
    super(failed.message)
    this.failed = failed
  }
}

/** Another endpoint may answer what this one did not, and asking there cannot do it twice. */
function maybeElsewhere(thrown: unknown, answer: AppError): boolean {
  if (answer.code !== 'target.unavailable') return false
  if (isCallError(thrown) && thrown.code === status.resourceExhausted) return false
  return answer.data['effect'] !== 'unknown'
}

/**
 * One client for each endpoint, opened when it is first needed. After a failure the certificates are
 * read again, and where they are others, the next call goes over a new connection: they may have run out.
 */
function createClients(
  addresses: readonly ReturnType<typeof readEndpoint>[],
  readTls: (() => Promise<TlsFiles>) | undefined,
) {
  const clients = new Map<number, { readonly client: Client; readonly tls: TlsFiles | undefined }>()
  const suspects = new Set<number>()
  let loading: Promise<Grpc> | null = null
  let closed = false
  return {
    async get(index: number): Promise<{ grpc: Grpc; client: Client }> {
      const grpc = await (loading ??= import('@grpc/grpc-js').then((module) => module))
      const doubtful = readTls !== undefined && suspects.has(index)
      const tls = clients.has(index) && !doubtful ? undefined : await readTls?.()
      if (closed) throw new AppError('aborted', 'the etcd client is closed')
      suspects.delete(index)
      let held = clients.get(index)
      if (held !== undefined && doubtful && !sameFiles(held.tls, tls)) {
        // Calls that are under way on it go on.
        held.client.close()
        held = undefined
      }
      if (held === undefined) {
        held = { client: open(grpc, addresses[index]!, tls), tls }
        clients.set(index, held)
      }
      return { grpc, client: held.client }
    },
    suspect: (index: number) => void suspects.add(index),
    close() {
      closed = true
      for (const { client } of clients.values()) client.close()
      clients.clear()
    },
  }
}

function sameFiles(some: TlsFiles | undefined, others: TlsFiles | undefined): boolean {
  const same = (name: 'ca' | 'cert' | 'key') => {
    const [one, other] = [some?.[name], others?.[name]]
    return one === undefined || other === undefined ? one === other : one.equals(other)
  }
  return same('ca') && same('cert') && same('key') && some?.serverName === others?.serverName
}
