/**
 * A collector as a target: batches where it takes them, and one post for each status where it is the original. What it
 * holds is looked at, so that a collector that lost its memory gets everything again, and nothing that it has.
 */
import type { Batch, Change, Held, Outcome, Target } from '../../../engine/target.ts'
import type { Look } from '../../../engine/source.ts'
import { isoTime, type Clock, type Instant, type Ms } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import { digestOfStatus, keyOf, namesOf, type ClaimStatus } from '../model.ts'
import { beats, type Mode, type ToldCluster } from './beat.ts'
import type { CollectorClient } from './client.ts'
import { generationOf, type CollectorLedger } from './ledger.ts'
import { postsOf } from './posts.ts'
import { wireLimits, type BatchItem, type PostedStatus, type Result } from '../wire.ts'

export interface CollectorTargetOptions {
  readonly name: string
  readonly client: CollectorClient
  readonly ledger: CollectorLedger
  /** The cluster that is told of; null: whatever the source has. */
  readonly cluster: ToldCluster | null
  /** What a collector that knows no deletion is told instead; null: nothing. */
  readonly farewell: string | null
  /** Between two snapshots. */
  readonly every: Ms
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Single posts under way at once: the original writes them into one map, the network is what takes time. */
const atOnce = 4
/** How often a claim that has to stand back is tried again. */
const shareAgain: Ms = 600_000

export function createCollectorTarget(options: CollectorTargetOptions): Target<ClaimStatus> {
  const { name, client, ledger, cluster, clock } = options
  let mode: Mode = 'unknown'

  async function look(mark: string | undefined, signal: AbortSignal): Promise<Look<Held>> {
    const clusters = cluster === null ? await ledger.clusters() : [cluster.name]
    const etags = readMark(mark)
    const items: Held[] = []
    const next: Record<string, string> = {}
    let unchanged = mode === 'batch' && mark !== undefined && Object.keys(etags).length === clusters.length
    for (const one of clusters) {
      // Without what it holds of one there is no whole look: all are asked anew once one has changed.
      const etag = unchanged ? (etags[one] ?? null) : null
      const held = await client.held(one, etag, signal)
      if (held === null) return lookAtSingles(clusters, signal)
      if (held === 'unchanged') continue
      if (unchanged && clusters.length > 1) return look(undefined, signal)
      unchanged = false
      items.push(...held.items.map((item) => heldOf(item, one)))
      if (held.etag !== null) next[one] = held.etag
    }
    mode = 'batch'
    if (unchanged) return { saw: 'unchanged' }
    const whole = Object.keys(next).length === clusters.length
    return { saw: 'complete', items, ...(whole && { mark: JSON.stringify(next) }) }
  }

  function heldOf(item: PostedStatus, of: string): Held {
    const { kind, name: objectName, group = '', namespace = '' } = item
    const object = kind !== undefined && objectName !== undefined ? { group, kind, namespace, name: objectName } : null
    const key = keyOf({ cluster: of, claimRef: item.claimRef, object })
    const digest = digestOfStatus({ message: item.statusMessage, health: item.health ?? null })
    const owned = object !== null && isCovered(object)
    return { key, digest, ...(owned && { owned }) }
  }

  function isCovered({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
    return cluster?.covered().some((one) => one.group === group && one.kind === kind) ?? false
  }

  /** It tells claimRef and message only: what else it was told of a claim that has the right message is right, too. */
  async function lookAtSingles(clusters: readonly string[], signal: AbortSignal): Promise<Look<Held>> {
    const found = new Map<string, string>()
    for (const one of clusters) {
      for (const { claimRef, statusMessage } of await client.statuses(one, signal)) {
        found.set(pairOf(one, claimRef), statusMessage)
      }
    }
    mode = 'single'
    const items: Held[] = []
    const wanted = new Set<string>()
    for (const { key, status } of await ledger.wanted()) {
      wanted.add(key)
      const message = found.get(pairOf(status.cluster, status.claimRef))
      if (message === undefined) continue
      const health = message === status.message ? status.health : null
      items.push({ key, digest: digestOfStatus({ message, health }) })
    }
    for (const [key, digest] of await ledger.told()) {
      const message = wanted.has(key) ? undefined : found.get(pairOfKey(key))
      // What was said of it last still stands there.
      if (message === undefined || message === options.farewell) continue
      items.push({ key, digest })
    }
    return { saw: 'complete', items }
  }

  async function* apply(batch: Batch<ClaimStatus>, signal: AbortSignal): AsyncGenerator<readonly [string, Outcome]> {
    const { changes } = batch
    if (changes.length === 0) return
    if (mode !== 'single') {
      const left = yield* applyBatches(batch, signal)
      if (left.length === 0) return
      mode = 'single'
      yield* applySingles(left, batch, signal)
    } else {
      yield* applySingles(changes, batch, signal)
    }
  }

  /** Returns what is left because the collector knows no batches. */
  async function* applyBatches(
    { changes, fence }: Batch<ClaimStatus>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly [string, Outcome], readonly Change<ClaimStatus>[]> {
    const waiting = postsOf(changes.map((change) => ({ change, item: itemOf(change, null) })))
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      fence()
      const results = await client.batch({ items: part.map(({ item }) => item) }, signal)
      if (results === null) return [part, ...waiting].flat().map(({ change }) => change)
      if (results === 'too-large') {
        const [one] = part
        if (part.length > 1) waiting.unshift(part.slice(0, part.length >> 1), part.slice(part.length >> 1))
        else yield [one!.change.key, tooLarge(client.address)]
        continue
      }
      mode = 'batch'
      const again: typeof part = []
      for (const [index, one] of part.entries()) {
        const result = results[index]!
        // Held is what was observed later, by somebody with another clock. What we say is so now.
        if (result.status === 'older' && !one.again) {
          again.push({ ...one, again: true, item: itemOf(one.change, result.observedAt ?? null) })
        } else {
          yield [one.change.key, outcomeOf(result, client.address)]
        }
      }
      if (again.length > 0) waiting.unshift(again)
    }
    return []
  }

  /** `after`: what the collector holds was observed then. */
  function itemOf({ key, entry }: Change<ClaimStatus>, after: string | null): BatchItem {
    const least = after === null ? 0 : Date.parse(after) + 1
    if (entry === undefined) {
      const { cluster: of, claimRef, object } = namesOf(key)!
      return { cluster: of, claimRef, ...object, observedAt: isoTime(Math.max(clock.now(), least)), deleted: true }
    }
    return postedOf(entry.item, generationOf(entry.note), least)
  }

  async function* applySingles(
    changes: readonly Change<ClaimStatus>[],
    { fence }: Batch<ClaimStatus>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly [string, Outcome]> {
    const speakers = await speakersOf()
    const ready = changes.map((change) => {
      const { cluster: of, claimRef } = change.entry?.item ?? namesOf(change.key)!
      const speaker = speakers.get(pairOf(of, claimRef)) ?? change.key
      return { change, of, claimRef, other: speaker === change.key ? null : speaker }
    })
    for (let from = 0; from < ready.length; from += atOnce) {
      fence()
      const posted = ready.slice(from, from + atOnce).map(async ({ change, of, claimRef, other }) => {
        return [change.key, await single(change, of, claimRef, other)] as const
      })
      // All are waited for: what one of them met is no reason to forget what the others did.
      const settled = await Promise.allSettled(posted)
      for (const one of settled) if (one.status === 'fulfilled') yield one.value
      for (const one of settled) if (one.status === 'rejected') throw asAppError(one.reason, 'target.unavailable')
    }

    async function single(change: Change<ClaimStatus>, of: string, claimRef: string, other: string | null) {
      if (change.entry === undefined) {
        if (options.farewell === null || other !== null) return { is: 'applied', receipt: { told: false } } as const
        const status = { cluster: of, claimRef, statusMessage: options.farewell }
        return said(await client.post(status, signal))
      }
      if (other !== null) {
        // Until the other one is gone, or the collector is one that tells them apart.
        return { is: 'waiting', on: 'claim-shared', handle: { other }, again: shareAgain } as const
      }
      return said(await client.post(postedOf(change.entry.item, generationOf(change.entry.note), 0), signal))
    }
  }

  /** Cluster and claimRef → the key that has them alone, or comes first. */
  async function speakersOf(): Promise<ReadonlyMap<string, string>> {
    const speakers = new Map<string, string>()
    for (const { key, status } of await ledger.wanted()) {
      const pair = pairOf(status.cluster, status.claimRef)
      if (!speakers.has(pair)) speakers.set(pair, key)
    }
    return speakers
  }

  return {
    name,
    fingerprint: 'collector 1',
    // Statuses replace each other: sent twice is as sent once.
    traits: { repeat: 'safe', page: wireLimits.batchItems },
    // Asking who it is would tell nothing: what it holds is what tells whether it is the same.
    identity: () => Promise.resolve(client.address),
    look: ({ mark }, signal) => look(mark, signal),
    apply,
    hints: (signal) => beats({ ...options, mode: () => mode, posted: postedWanted }, signal),
  }

  function postedWanted(): Promise<readonly PostedStatus[] | null> {
    return ledger.settled().then((all) => all && all.map(({ status, generation }) => postedOf(status, generation, 0)))
  }
}

function postedOf(status: ClaimStatus, generation: number | null, least: Instant): PostedStatus {
  const { cluster, claimRef, object, message, health, observedAt } = status
  return {
    cluster,
    claimRef,
    statusMessage: message,
    ...object,
    ...(health !== null && { health }),
    observedAt: isoTime(Math.max(observedAt, least)),
    ...(generation !== null && { generation }),
  }
}

function outcomeOf({ status, detail, observedAt }: Result, address: string): Outcome {
  if (status === 'rejected') return { is: 'rejected', why: 'refused', detail: detail ?? '', until: 'item' }
  if (status !== 'older') return { is: 'applied' }
  const said = `collector ${address} holds what was observed ${observedAt ?? 'later'}; compare its clock and ours`
  return { is: 'failed', error: new AppError('target.conflict', said), effect: 'none' }
}

function said(refusal: string | null): Outcome {
  return refusal === null ? { is: 'applied' } : { is: 'rejected', why: 'refused', detail: refusal, until: 'item' }
}

function tooLarge(address: string): Outcome {
  return { is: 'rejected', why: 'refused', detail: `collector ${address} takes no status so large`, until: 'item' }
}

const pairOf = (cluster: string, claimRef: string) => JSON.stringify([cluster, claimRef])

function pairOfKey(key: string): string {
  const { cluster, claimRef } = namesOf(key)!
  return pairOf(cluster, claimRef)
}

function readMark(mark: string | undefined): Readonly<Record<string, string>> {
  return mark === undefined ? {} : (JSON.parse(mark) as Record<string, string>)
}
