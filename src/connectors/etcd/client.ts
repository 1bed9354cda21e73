/**
 * The key-value port on etcd v3. Nothing here knows what the keys mean.
 *
 * Identity. A wiped etcd that starts again with the same flags has the same cluster id and member id
 * (both are hashes of its peer URLs; seen on 3.4.23, Nov 2026). What gives it away is its revision,
 * which otherwise never falls: an answer with a lower revision than one that was known before the
 * question was asked counts as another store. A wipe that nobody looked at until the revision had
 * grown past the old one shows in the keys alone; whoever keeps marks must compare keys as well.
 */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError, asAppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueTransaction, Pair, RangeAsk, Snapshot } from '../../kernel/key-value.ts'
import { createEndpoints, type TlsFiles } from './endpoints.ts'
import { answers, isCallError } from './errors.ts'
import { authenticate, range, transaction, type Header, type Method, type StoredPair } from './messages.ts'

export interface EtcdOptions {
  /** `https://host:2379`, `http://…` or `host:2379`; tried in turn until one answers. */
  readonly endpoints: readonly string[]
  /** Read when a connection is first needed; https:// endpoints use TLS without it too. */
  readonly tls?: () => Promise<TlsFiles>
  readonly user?: { readonly username: string; readonly password: string }
  /** Bound of each call. */
  readonly timeout?: Ms
  readonly clock: Clock
}

/** Aimed at in one page; etcd bounds a page by keys only. */
const pageBytes = 2 << 20
const mostKeys = 10_000
/** How often a reading starts again because its revision was compacted away meanwhile. */
const restarts = 3

export function createEtcd(options: EtcdOptions): KeyValue {
  const endpoints = createEndpoints({ timeout: 5000, ...options })
  const { user } = options
  let token: Promise<string | null> | null = null
  /** Highest revision that was ever answered, and how often it fell. */
  let floor = 0
  let falls = 0

  /** null: the server has no authentication switched on. */
  function login(signal: AbortSignal): Promise<string | null> {
    token ??= endpoints.call(authenticate, user!, { signal, writing: false }).catch((thrown) => {
      if (isCallError((thrown as Error).cause) && answers.authOff((thrown as Error).cause as never)) return null
      token = null
      throw thrown
    })
    return token
  }

  async function call<Q, A extends { header: Header }>(
    method: Method<Q, A>,
    question: Q,
    signal: AbortSignal,
    writing: boolean,
  ): Promise<A> {
    const known = floor
    for (let attempt = 0; ; attempt++) {
      const used = user ? await login(signal) : null
      try {
        const answer = await endpoints.call(method, question, {
          signal,
          writing,
          ...(used !== null && { token: used }),
        })
        observe(answer.header.revision, known)
        return answer
      } catch (thrown) {
        const cause = (thrown as Error).cause
        if (!user || attempt === 2 || !isCallError(cause) || !answers.tokenInvalid(cause)) throw thrown
        // The server refused the token before it looked at the request: nothing was done.
        token = null
      }
    }
  }

  function observe(revision: number, known: number): void {
    if (revision < known) {
      falls += 1
      floor = revision
    } else if (revision > floor) {
      floor = revision
    }
  }

  async function readWhole(ask: RangeAsk, signal: AbortSignal): Promise<Snapshot> {
    const pairs: Pair[] = []
    const end = endOf(ask.prefix)
    let key = firstOf(ask)
    let revision = 0
    let limit = Math.min(1000, ask.limit ?? 1000)
    for (;;) {
      const question = { key, end, limit, revision, ...(ask.keysOnly !== undefined && { keysOnly: ask.keysOnly }) }
      const answer = await call(range, question, signal, false).catch((thrown: unknown) => {
        if (limit === 1 || !tooLarge(thrown)) throw thrown
        return null
      })
      if (answer === null) {
        limit = Math.max(1, limit >> 2)
        continue
      }
      revision ||= answer.header.revision
      for (const pair of answer.pairs) addPair(pairs, pair)
      const last = answer.pairs.at(-1)
      if (!answer.more || last === undefined || pairs.length >= (ask.limit ?? Infinity)) break
      limit = Math.min(nextLimit(answer.pairs), (ask.limit ?? Infinity) - pairs.length)
      key = just(last.key)
    }
    return { revision, pairs }
  }

  return {
    limits: { operations: 128, bytes: 1 << 20 },
    async identity(signal) {
      const { header } = await call(range, { key: Uint8Array.of(0), limit: 1, keysOnly: true }, signal, false)
      const cluster = header.cluster.toString(16)
      return falls === 0 ? cluster : `${cluster}+${falls}`
    },
    async range(ask, signal) {
      for (let attempt = 0; ; attempt++) {
        try {
          return await readWhole(ask, signal)
        } catch (thrown) {
          const error = asAppError(thrown, 'target.unavailable')
          if (attempt === restarts || !isCallError(error.cause) || !answers.compacted(error.cause)) throw error
        }
      }
    },
    async write(asked: KeyValueTransaction, signal) {
      if (asked.operations.some(({ key }) => key === '') || asked.guards.some(({ key }) => key === '')) {
        throw new AppError('target.refused', 'a key is empty', { data: { reason: 'invalid', effect: 'none' } })
      }
      const answer = await call(transaction, asked, signal, true)
      return answer.succeeded ? { revision: answer.header.revision } : 'conflict'
    },
    close() {
      endpoints.close()
      return Promise.resolve()
    },
  }
}

function tooLarge(thrown: unknown): boolean {
  const cause = (thrown as Error).cause
  return isCallError(cause) && answers.answerTooLarge(cause)
}

/** How many keys of the size seen make a page of the size aimed at. */
function nextLimit(pairs: readonly StoredPair[]): number {
  let bytes = 0
  for (const { key, value } of pairs) bytes += key.length + value.length + 16
  return Math.max(1, Math.min(mostKeys, Math.floor((pageBytes * pairs.length) / bytes)))
}

/** Keys that are no UTF-8 text cannot be named in this port and are none of ours: left out. */
function addPair(pairs: Pair[], { key, value, revision, leased }: StoredPair): void {
  const text = Buffer.from(key.buffer, key.byteOffset, key.length)
  const name = text.toString('utf8')
  if (name.includes('\ufffd') && !Buffer.from(name, 'utf8').equals(text)) return
  pairs.push({ key: name, value, revision, leased })
}

/** "\0" is the first key there is. */
function firstOf({ prefix, after = '' }: RangeAsk): Uint8Array {
  const start = prefix === '' ? Uint8Array.of(0) : Buffer.from(prefix, 'utf8')
  const next = just(Buffer.from(after, 'utf8'))
  return Buffer.compare(next, start) > 0 ? next : start
}

/** The first key after `key`. */
function just(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)])
}

/** The first key after all that start with the prefix; "\0" means no end, as etcd has it. */
function endOf(prefix: string): Uint8Array {
  const bytes = Buffer.from(prefix, 'utf8')
  for (let at = bytes.length - 1; at >= 0; at--) {
    if (bytes[at] === 0xff) continue
    const end = bytes.subarray(0, at + 1)
    end[at]! += 1
    return end
  }
  return Uint8Array.of(0)
}
