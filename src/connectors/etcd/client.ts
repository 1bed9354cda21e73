/**
 * The key-value port on etcd v3. Nothing here knows what the keys mean.
 *
 * Identity. A wiped etcd that starts again with the same flags has the same cluster id and member id
 * (both are hashes of its peer URLs; seen on 3.4.23, Nov 2026). What gives it away is its revision,
 * which otherwise never falls: an answer with a lower revision than one that was known before the
 * question was asked counts as another store. A wipe that nobody looked at until the revision had
 * grown past the old one shows in the keys alone; whoever keeps marks must compare keys as well.
 */
import { AppError, asAppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueTransaction, Pair, RangeAsk, Snapshot } from '../../kernel/key-value.ts'
import { answers, isCallError } from './errors.ts'
import { nameOf, range, transaction, type Header, type StoredPair } from './messages.ts'
import { createSession, type EtcdOptions } from './session.ts'
import { watchPrefix } from './watch.ts'

export type { ObservedCall } from './endpoints.ts'
export type { EtcdOptions } from './session.ts'

/** Aimed at in one page; etcd bounds a page by keys only. */
const pageBytes = 2 << 20
const mostKeys = 10_000
/** How often a reading starts again because its revision was compacted away meanwhile. */
const restarts = 3

export function createEtcd(options: EtcdOptions): KeyValue {
  const { clock } = options
  const session = createSession(options)
  const { call } = session
  const closing = new AbortController()
  /** A key that the user may read, as far as is known. */
  let readable: Uint8Array = Uint8Array.of(0)

  async function readWhole(ask: RangeAsk, signal: AbortSignal): Promise<Snapshot> {
    const pairs: Pair[] = []
    const end = endOf(ask.prefix)
    let key = firstOf(ask)
    let revision = 0
    let count: number | null = null
    let limit = Math.min(1000, ask.limit ?? 1000)
    const what = {
      ...(ask.keysOnly !== undefined && { keysOnly: ask.keysOnly }),
      ...(ask.since !== undefined && { fromRevision: ask.since + 1 }),
    }
    for (;;) {
      const question = { key, end, limit, revision, ...what }
      const answer = await call(range, question, signal, 'reading').catch((thrown: unknown) => {
        if (limit === 1 || !tooLarge(thrown)) throw thrown
        return null
      })
      if (answer === null) {
        limit = Math.max(1, limit >> 2)
        continue
      }
      revision ||= answer.header.revision
      count ??= answer.count
      for (const pair of answer.pairs) addPair(pairs, pair)
      const last = answer.pairs.at(-1)
      if (!answer.more || last === undefined || pairs.length >= (ask.limit ?? Infinity)) break
      limit = Math.min(nextLimit(answer.pairs), (ask.limit ?? Infinity) - pairs.length)
      key = just(last.key)
    }
    if (ask.after === undefined) return { revision, pairs, count: count ?? 0 }
    const whole = { key: firstOf({ prefix: ask.prefix }), end, revision, countOnly: true }
    return { revision, pairs, count: (await call(range, whole, signal, 'reading')).count }
  }

  async function headerNow(signal: AbortSignal): Promise<Header> {
    try {
      return (await call(range, { key: readable, limit: 1, keysOnly: true }, signal, 'reading')).header
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.data['reason'] !== 'permission') throw thrown
      // Nothing is asked for, so nothing is refused; but a member that lags may answer it.
      return (await session.call(transaction, { guards: [], operations: [] }, signal, 'anybody')).header
    }
  }

  return {
    limits: { operations: 128, bytes: 1 << 20 },
    async identity(signal) {
      const cluster = (await headerNow(signal)).cluster.toString(16)
      return session.falls() === 0 ? cluster : `${cluster}+${session.falls()}`
    },
    async range(ask, signal) {
      for (let attempt = 0; ; attempt++) {
        try {
          const snapshot = await readWhole(ask, signal)
          readable = firstOf({ prefix: ask.prefix })
          return snapshot
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
      const answer = await call(transaction, asked, signal, 'writing')
      return answer.succeeded ? { revision: answer.header.revision } : 'conflict'
    },
    watch(prefix, asked) {
      const signal = AbortSignal.any([asked, closing.signal])
      return watchPrefix({ session, clock, key: firstOf({ prefix }), end: endOf(prefix), signal })
    },
    close() {
      closing.abort()
      session.close()
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
  const name = nameOf(key)
  if (name !== null) pairs.push({ key: name, value, revision, leased })
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
