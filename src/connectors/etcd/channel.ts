/** One gRPC channel to one etcd: how it is opened, when it is connected, and how calls go over it. */
import type * as grpcJs from '@grpc/grpc-js'
import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { AppError } from '../../kernel/errors.ts'
import type { Method } from './messages.ts'

export type Grpc = typeof grpcJs

export interface TlsFiles {
  /** PEM; without it the system's own roots. */
  readonly ca?: Buffer
  /** PEM of the client's certificate and key (mTLS): both or none. */
  readonly cert?: Buffer
  readonly key?: Buffer
  /** Name in the server's certificate, where it is not the host of the endpoint. */
  readonly serverName?: string
}

const channelOptions = {
  // etcd's own default is 2 MiB for requests; answers are paged to about that, but one value may be 1.5 MiB.
  'grpc.max_receive_message_length': 32 << 20,
  'grpc.max_send_message_length': -1,
  // gRPC's own back-off grows to 120 s; an etcd that is back must be found within half a second.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 400,
  // Finds a peer that vanished without a word while a watch listens. etcd refuses pings closer than 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.enable_retries': 0,
  // A web proxy meant for the internet does not lead to a store on loopback or in the cluster.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
} as const

/** Whether the channel is connected, or failed already and will say why; false: still trying at `until`, or aborted. */
export async function connected(
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

export function unary<Q, A>(
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

/** Asks, hands over every answer, and resolves when the server ends the stream. */
export function follow<Q, A>(
  call: ClientDuplexStream<Q, A>,
  question: Q,
  { signal, heard }: { readonly signal: AbortSignal; readonly heard: (answer: A) => void },
): Promise<void> {
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

export function open(
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
