/**
 * Calls as a user, if there is one: logs in when first needed, and again when the server no longer
 * knows the token. Simple tokens live in the server's memory and end after `--auth-token-ttl` without
 * use, counted by each member for itself.
 */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createEndpoints, type Endpoints, type ObservedCall, type StreamOptions, type TlsFiles } from './endpoints.ts'
import { answers, isCallError } from './errors.ts'
import { authenticate, type Header, type Method } from './messages.ts'

export interface EtcdOptions {
  /** `https://host:2379`, `http://…` or `host:2379`; tried in turn until one answers. */
  readonly endpoints: readonly string[]
  /** Read when a connection is first needed; https:// endpoints use TLS without it too. */
  readonly tls?: () => Promise<TlsFiles>
  readonly user?: { readonly username: string; readonly password: string }
  /** Bound of each call, whatever the number of endpoints; 5 s. */
  readonly timeout?: Ms
  readonly clock: Clock
  /** Told of every question that was put to an endpoint; watches are not among them. */
  readonly observe?: (call: ObservedCall) => void
}

/** `anybody`: reading, from a member that may lag, so that its revision says nothing. */
export type Way = 'reading' | 'writing' | 'anybody'

export interface Session {
  call<Q, A extends { header: Header }>(method: Method<Q, A>, question: Q, signal: AbortSignal, way: Way): Promise<A>
  stream<Q, A extends { header: Header }>(
    method: Method<Q, A>,
    question: Q,
    how: Omit<StreamOptions<A>, 'token'>,
  ): Promise<void>
  /** The server may no longer know the token: the next call logs in anew. False: there is no user. */
  forgetToken(): boolean
  /** How often an answer had a lower revision than one known before the question was asked. */
  falls(): number
  close(): void
}

export function createSession(options: EtcdOptions): Session {
  const endpoints: Endpoints = createEndpoints({ timeout: 5000, ...options })
  const { user } = options
  let token: Promise<string | null> | null = null
  /** Highest revision that was ever answered, and how often it fell. */
  let floor = 0
  let falls = 0

  /** null: there is no user, or the server has no authentication switched on. */
  async function login(signal: AbortSignal): Promise<string | null> {
    if (user === undefined) return null
    const mine = (token ??= endpoints.call(authenticate, user, { signal, writing: false }).catch((thrown) => {
      if (isCallError((thrown as Error).cause) && answers.authOff((thrown as Error).cause as never)) return null
      throw thrown
    }))
    try {
      return await mine
    } catch (thrown) {
      if (token === mine) token = null
      throw thrown
    }
  }

  const withToken = (used: string | null) => (used === null ? {} : { token: used })

  function see(revision: number, known: number): void {
    if (revision < known) {
      falls += 1
      floor = revision
    } else if (revision > floor) {
      floor = revision
    }
  }

  return {
    async call(method, question, signal, way) {
      const known = floor
      for (let attempt = 0; ; attempt++) {
        const used = await login(signal)
        const mine = token
        try {
          const how = { signal, writing: way === 'writing', ...withToken(used) }
          const answer = await endpoints.call(method, question, how)
          if (way !== 'anybody') see(answer.header.revision, known)
          return answer
        } catch (thrown) {
          const cause = (thrown as Error).cause
          if (!user || attempt === 2 || !isCallError(cause) || !answers.tokenInvalid(cause)) throw thrown
          // The server refused the token before it looked at the request: nothing was done. Of many
          // calls that were refused together, one logs in.
          if (token === mine) token = null
        }
      }
    },
    stream: async (method, question, how) =>
      endpoints.stream(method, question, { ...how, ...withToken(await login(how.signal)) }),
    forgetToken() {
      token = null
      return user !== undefined
    },
    falls: () => falls,
    close: () => endpoints.close(),
  }
}
