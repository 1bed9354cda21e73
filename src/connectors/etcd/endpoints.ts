/**
 * Calls to one of several endpoints: the one that answered last comes first; one that does not
 * answer is passed over for the others. @grpc/grpc-js is loaded with the first call (45 ms, 17 MB), so
 * that commands without etcd do not pay for it.
 */
import type * as grpcJs from '@grpc/grpc-js'
import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { asAnswer, isCallError, status } from './errors.ts'
import type { Method } from './messages.ts'

type Grpc = typeof grpcJs

export interface TlsFiles {
  /** PEM; without it the system's own roots. */
  readonly ca?: Buffer
  /** PEM of the client's certificate and key (mTLS): both or none. */
  readonly cert?: Buffer
  readonly key?: Buffer
  /** Name in the server's certificate, where it is not the host of the endpoint. */
  readonly serverName?: string
}

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

export interface StreamOptions<A> {
  readonly signal: AbortSignal
  readonly token?: string
  readonly turn: number
  readonly heard: (answer: A) => void
}

export interface CallOptions {
  readonly signal: AbortSignal
  /** What is written is not sent to another endpoint once it may have arrived at one. */
  readonly writing: boolean
  readonly token?: string
}

/** Longest wait for a connection to one endpoint while there are others. */
const connecting: Ms = 2000

const channelOptions = {
  // etcd's own default is 2 MiB for requests; answers are paged to about that, but one value may be 1.5 MiB.
  'grpc.max_receive_message_length': 32 << 20,
  'grpc.max_send_message_length': -1,
  // gRPC's own back-off grows to 120 s; an etcd that is back must be found within a second.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Finds a peer that vanished without a word. etcd refuses pings closer than 5 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.enable_retries': 0,
  // A web proxy meant for the internet does not lead to a store on loopback or in the cluster.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
} as const

export function createEndpoints(options: {
  readonly endpoints: readonly string[]
  readonly tls?: () => Promise<TlsFiles>
  readonly timeout: Ms
  readonly clock: Clock
}): Endpoints {
  const addresses = options.endpoints.map(readEndpoint)
  const clients = new Map<number, Client>()
  let loading: Promise<Grpc> | null = null
  let current = 0
  let closed = false

  async function clientOf(index: number): Promise<{ grpc: Grpc; client: Client }> {
    const grpc = await (loading ??= import('@grpc/grpc-js').then((module) => module))
    const tls = clients.has(index) ? undefined : await options.tls?.()
    if (closed) throw new AppError('aborted', 'the etcd client is closed')
    let client = clients.get(index)
    if (client === undefined) {
      client = open(grpc, addresses[index]!, tls)
      clients.set(index, client)
    }
    return { grpc, client }
  }

  async function ready(index: number, how: { readonly signal: AbortSignal; readonly token?: string }) {
    const { grpc, client } = await clientOf(index)
    const bound = addresses.length > 1 ? Math.min(connecting, options.timeout) : options.timeout
    if (!(await connected(grpc, client.getChannel(), options.clock.now() + bound, how.signal))) {
      throw new AppError('target.unavailable', `no connection to etcd at ${addresses[index]!.address} in ${bound} ms`, {
        data: { endpoint: addresses[index]!.address, effect: 'none' },
      })
    }
    const metadata = new grpc.Metadata()
    // A member that lost the others then says so at once, instead of letting the call wait for them.
    metadata.set('hasleader', 'true')
    if (how.token !== undefined) metadata.set('token', how.token)
    return { client, metadata }
  }

  async function callOne<Q, A>(index: number, method: Method<Q, A>, question: Q, how: CallOptions): Promise<A> {
    const { client, metadata } = await ready(index, how)
    return unary(client, method, question, metadata, options.clock.now() + options.timeout, how.signal)
  }

  return {
    async call(method, question, how) {
      let failed: unknown
      for (let tried = 0; tried < addresses.length; tried++) {
        if (how.signal.aborted) throw new AppError('aborted', 'call to etcd', { cause: how.signal.reason })
        const index = (current + tried) % addresses.length
        try {
          const answer = await callOne(index, method, question, how)
          current = index
          return answer
        } catch (thrown) {
          if (how.signal.aborted) throw new AppError('aborted', 'call to etcd', { cause: thrown })
          failed = asAnswer(thrown, addresses[index]!.address, how.writing)
          if (!maybeElsewhere(thrown, failed)) throw failed
        }
      }
      throw failed
    },
    async stream(method, question, how) {
      const index = (current + how.turn) % addresses.length
      try {
        const { client, metadata } = await ready(index, how)
        const { path, encode, decode } = method
        await follow(client.makeBidiStreamRequest(path, encode, decode, metadata), question, how)
      } catch (thrown) {
        if (how.signal.aborted) throw new AppError('aborted', 'watch of etcd', { cause: thrown })
        throw asAnswer(thrown, addresses[index]!.address, false)
      }
    },
    close() {
      closed = true
      for (const client of clients.values()) client.close()
      clients.clear()
    },
  }
}

/** Another endpoint may answer what this one did not, and asking there cannot do it twice. */
function maybeElsewhere(thrown: unknown, answer: unknown): boolean {
  if (!(answer instanceof AppError) || answer.code !== 'target.unavailable') return false
  if (isCallError(thrown) && thrown.code === status.resourceExhausted) return false
  return answer.data['effect'] !== 'unknown'
}

/** Whether the channel is connected, or failed already and will say why; false: still trying at `until`, or aborted. */
async function connected(
  grpc: Grpc,
  channel: ReturnType<Client['getChannel']>,
  until: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { READY, TRANSIENT_FAILURE, SHUTDOWN } = grpc.connectivityState
  for (;;) {
    const state = channel.getConnectivityState(true)
    if (state === READY || state === TRANSIENT_FAILURE) return true
    if (state === SHUTDOWN) throw new AppError('aborted', 'the etcd client is closed')
    const changed = await new Promise<boolean>((resolve) => {
      const stop = () => resolve(false)
      signal.addEventListener('abort', stop, { once: true })
      channel.watchConnectivityState(state, until, (late) => {
        signal.removeEventListener('abort', stop)
        resolve(late === undefined)
      })
    })
    if (!changed) return false
  }
}

function unary<Q, A>(
  client: Client,
  method: Method<Q, A>,
  question: Q,
  metadata: Metadata,
  deadline: number,
  signal: AbortSignal,
): Promise<A> {
  return new Promise<A>((resolve, reject) => {
    const { path, encode, decode } = method
    const call = client.makeUnaryRequest(path, encode, decode, question, metadata, { deadline }, (error, answer) => {
      signal.removeEventListener('abort', cancel)
      if (error) reject(error)
      else resolve(answer!)
    })
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
  })
}

function follow<Q, A>(call: ClientDuplexStream<Q, A>, question: Q, { signal, heard }: StreamOptions<A>): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const cancel = () => call.cancel()
    const settle = (end: () => void) => {
      signal.removeEventListener('abort', cancel)
      end()
    }
    call.on('data', heard)
    call.on('error', (error) => settle(() => reject(error)))
    call.once('end', () => settle(resolve))
    signal.addEventListener('abort', cancel, { once: true })
    if (signal.aborted) cancel()
    else call.write(question)
  })
}

function open(
  grpc: Grpc,
  { address, secure }: { address: string; secure: boolean },
  tls: TlsFiles | undefined,
): Client {
  const credentials =
    secure || tls !== undefined
      ? grpc.credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null)
      : grpc.credentials.createInsecure()
  const name = tls?.serverName
  const names = name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name }
  return new grpc.Client(address, credentials, { ...channelOptions, ...names })
}

/** `host:port`, `http://host:port` or `https://host:port`; the port is 2379 where it is not given. */
export function readEndpoint(endpoint: string): { readonly address: string; readonly secure: boolean } {
  const matched = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^/:@\s]+)(?::(\d{1,5}))?\/?$/i.exec(endpoint)
  if (!matched) {
    throw new AppError('config.invalid', `${JSON.stringify(endpoint)} is no etcd endpoint; write https://host:2379`)
  }
  const [, scheme, host, port] = matched
  return { address: `${host}:${port ?? 2379}`, secure: scheme?.toLowerCase() === 'https' }
}
