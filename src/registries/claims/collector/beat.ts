/**
 * What a collector hears though nothing changes: that the cluster is there, and from time to time everything anew, so
 * that it can drop what nobody else tells it is gone.
 */
import { isoTime, type Clock, type Ms } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { spread, type Random } from '../../../kernel/retry.ts'
import type { CollectorClient } from './client.ts'
import type { PostedStatus } from '../wire.ts'

export interface ToldCluster {
  readonly name: string
  /** The cluster itself is heard of. */
  alive(): boolean
  /** Kinds of which every object is told: what else the collector has of them is gone. */
  covered(): readonly { readonly group: string; readonly kind: string }[]
}

/** What the collector takes, as far as it is known. Asked again with each look: collectors are replaced. */
export type Mode = 'unknown' | 'batch' | 'single'

export interface BeatOptions {
  readonly name: string
  readonly client: CollectorClient
  readonly cluster: ToldCluster | null
  readonly every: Ms
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  mode(): Mode
  /** Everything that is told, when the collector has acknowledged all of it; else null. */
  posted(): Promise<readonly PostedStatus[] | null>
}

/** Between two signs of life: below the shortest time after which a collector may call a cluster silent, thrice. */
const beat: Ms = 30_000

/** Yields when the collector may not hold what it acknowledged: a snapshot changed something, or it had been away. */
export async function* beats(options: BeatOptions, signal: AbortSignal): AsyncGenerator<void> {
  const { name, client, cluster, every, clock, random, logger } = options
  if (cluster === null) return
  let due = clock.now() + every
  let away = false
  while (!signal.aborted) {
    await clock.sleep(spread(Math.min(beat, every), 0.1, random), signal)
    // The original has no ear for it; and of a cluster that does not answer there is no sign of life.
    if (signal.aborted || options.mode() !== 'batch' || !cluster.alive()) continue
    try {
      const told = clock.now() >= due ? await tellAll() : null
      if (told === null) await client.batch({ cluster: cluster.name, items: [] }, signal)
      else due = clock.now() + every
      if (told || away) yield
      away = false
    } catch (thrown) {
      if (signal.aborted) return
      // Once it is back it is looked at, which tells more than sending all of it.
      away = true
      due = clock.now() + every
      logger.debug({ target: name, err: asAppError(thrown) }, 'sign of life did not reach the collector')
    }
  }

  /** Whether that changed anything; null: it was not told. */
  async function tellAll(): Promise<boolean | null> {
    const of = cluster!.covered()
    // Before anything is read: what is posted from here on is newer.
    const observedAt = isoTime(clock.now())
    const items = of.length === 0 ? null : await options.posted()
    if (items === null) return null
    const isOf = ({ group = '', kind }: PostedStatus) => of.some((one) => one.group === group && one.kind === kind)
    const body = { complete: true, observedAt, of, items: items.filter(isOf) } as const
    const answer = await client.snapshot(cluster!.name, body, signal)
    if (answer === null || answer === 'too-large') return null
    const { created, updated, removed, older, rejected } = answer
    if (rejected.length > 0) logger.warn({ target: name, rejected: rejected.length }, 'collector refused statuses')
    return created + updated + removed + older > 0
  }
}
