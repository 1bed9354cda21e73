/** Statuses in bulk: batches, and all of a cluster at once. See wire.ts. */
import { z } from 'zod'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import { isoTime } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Route } from '../../../kernel/route.ts'
import type { Speaker } from './original.ts'
import { speakerOf, speakerOfCluster } from './speaker.ts'
import type { HeldCluster, Held } from '../statuses/held.ts'
import type { Verdict } from '../statuses/judge.ts'
import { readItem, type Told } from '../statuses/told.ts'
import type { Statuses } from '../statuses/statuses.ts'
import * as wire from '../wire.ts'

export interface BulkParts {
  readonly sync: string
  readonly statuses: Statuses
  readonly clock: Clock
}

const { wireLimits, wirePaths } = wire
const common = { within: 'own', tag: 'claims' } as const
const snapshotPath = '/api/v1/clusters/:cluster/snapshot'

export function batchRoutes(parts: BulkParts): readonly Route[] {
  return [postBatch(parts), putSnapshot(parts), getSnapshot(parts)]
}

function postBatch({ sync, statuses, clock }: BulkParts): Route {
  return route({
    ...common,
    method: 'POST',
    path: wirePaths.batch,
    role: 'operator',
    summary: 'Tell the statuses of many claims, and which are gone; one result for each, in order',
    rawBody: wire.batch,
    mostBytes: wireLimits.batchBytes,
    response: wire.batchAnswer,
    async handle({ bytes, caller }) {
      const speaker = speakerOf(caller, sync)
      const { cluster, items } = readBatch(bytes)
      const at = clock.now()
      const { told, places } = readItems(items, speaker)
      const verdicts = told.length === 0 ? [] : await statuses.tell(told, speaker.name, at)
      if (cluster !== undefined && mayTell(speaker, cluster)) statuses.heard(cluster, at)
      return { body: batchAnswer(places, verdicts), headers: jsonType }
    },
  })
}

/** As the server writes it for values. */
const jsonType = { 'content-type': 'application/json; charset=utf-8' } as const

function readBatch(bytes: Buffer): { readonly cluster?: string; readonly items: readonly unknown[] } {
  const given = readObject(bytes)
  const { cluster, items } = given
  if (!Array.isArray(items)) throw wrong('/items', 'must be a list')
  if (items.length > wireLimits.batchItems) throw wrong('/items', `holds more than ${wireLimits.batchItems} items`)
  if (cluster !== undefined && typeof cluster !== 'string') throw wrong('/cluster', 'must be text')
  return { items, ...(cluster !== undefined && { cluster }) }
}

function readObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  let given: unknown
  try {
    given = JSON.parse(bytes.toString('utf8'))
  } catch (thrown) {
    throw new AppError('request.invalid', 'The body is not JSON.', { cause: thrown })
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw wrong('', 'must be an object')
  return given as Readonly<Record<string, unknown>>
}

function wrong(pointer: string, detail: string): AppError {
  const errors = [{ in: 'body', pointer, detail }]
  return new AppError('request.invalid', `body${pointer} ${detail}`, { data: { errors } })
}

const mayTell = (speaker: Speaker, cluster: string): boolean => speaker.cluster === null || speaker.cluster === cluster

/** What can be told, and for each item its place among that, or why it cannot. */
interface ReadItems {
  readonly told: readonly Told[]
  readonly places: readonly (number | string)[]
}

function readItems(items: readonly unknown[], speaker: Speaker, cluster?: string): ReadItems {
  const told: Told[] = []
  const places: (number | string)[] = []
  for (const item of items) {
    const read = readItem(item, cluster)
    if ('detail' in read) places.push(read.detail)
    else if (!mayTell(speaker, read.cluster)) places.push('the token is limited to another cluster')
    else places.push(told.push(read) - 1)
  }
  return { told, places }
}

/** Written by hand: most results are one of five texts. */
function batchAnswer(places: readonly (number | string)[], verdicts: readonly Verdict[]): string {
  let text = '{"results":['
  for (let index = 0; index < places.length; index += 1) {
    const place = places[index]!
    const result: wire.Result =
      typeof place === 'number' ? verdicts[place]!.result : { status: 'rejected', detail: place }
    if (index > 0) text += ','
    text +=
      result.detail === undefined && result.observedAt === undefined ? short[result.status] : JSON.stringify(result)
  }
  return `${text}]}`
}

const short = Object.fromEntries(
  wire.result.shape.status.options.map((status) => [status, JSON.stringify({ status })]),
) as Record<wire.Result['status'], string>

const mostRejected = 100

function putSnapshot({ sync, statuses, clock }: BulkParts): Route {
  return route({
    ...common,
    method: 'PUT',
    path: snapshotPath,
    role: 'operator',
    summary: 'Tell all that a cluster has, of some kinds or of all; what is held beyond it is gone',
    params: z.object({ cluster: z.string().min(1).max(wireLimits.nameLength) }),
    rawBody: wire.snapshot,
    mostBytes: wireLimits.snapshotBytes,
    response: wire.snapshotAnswer,
    async handle({ params: { cluster }, bytes, caller }) {
      const speaker = speakerOfCluster(caller, sync, cluster)
      const { observedAt, of, items } = readSnapshot(bytes)
      const { told, places } = readItems(items, speaker, cluster)
      const rejected = places.flatMap((detail, index) => (typeof detail === 'string' ? [{ index, detail }] : []))
      const whole = { cluster, told: told.filter(({ message }) => message !== null), observedAt, of: of ?? null }
      const at = clock.now()
      // What cannot be read may be any of those that would be missed: then nothing is.
      const done =
        rejected.length === 0
          ? await statuses.tellWhole(whole, speaker.name, at)
          : { verdicts: await statuses.tell(whole.told, speaker.name, at), removed: 0 }
      const counts = { created: 0, updated: 0, unchanged: 0, older: 0 }
      for (const [index, { result }] of done.verdicts.entries()) {
        const { status } = result
        if (status === 'rejected') rejected.push({ index, detail: result.detail ?? '' })
        else if (status in counts) counts[status as keyof typeof counts] += 1
      }
      return { body: { ...counts, removed: done.removed, rejected: rejected.slice(0, mostRejected) } }
    },
  })
}

const head = wire.snapshot.omit({ items: true })

function readSnapshot(bytes: Buffer): {
  observedAt: Instant | null
  of: wire.Snapshot['of'] | null
  items: readonly unknown[]
} {
  const given = readObject(bytes)
  const { items } = given
  if (!Array.isArray(items)) throw wrong('/items', 'must be a list')
  const read = head.safeParse(given)
  if (!read.success) {
    const [issue] = read.error.issues
    throw wrong(`/${issue?.path.join('/') ?? ''}`, issue?.message ?? 'is not valid')
  }
  const { observedAt, of = null } = read.data
  return { observedAt: observedAt === undefined ? null : Date.parse(observedAt), of, items }
}

function getSnapshot({ sync, statuses }: BulkParts): Route {
  return route({
    ...common,
    method: 'GET',
    path: snapshotPath,
    role: 'viewer',
    summary: 'Show all that is held of a cluster',
    params: z.object({ cluster: z.string().min(1) }),
    response: wire.shown,
    async handle({ params: { cluster }, caller }) {
      speakerOfCluster(caller, sync, cluster)
      const home = (await statuses.clusters()).get(cluster)
      const held = home === undefined ? [] : [...home.plain.values(), ...home.objects.values()]
      // Only what is durable is shown under a tag.
      await Promise.allSettled(held.flatMap(({ pending }) => pending ?? []))
      return { headers: { etag: tagOf(home, held) }, body: { items: shownOf(held) } }
    },
  })
}

/** Positions only grow, also over a restart. */
function tagOf(home: HeldCluster | undefined, held: readonly Held[]): string {
  const last = held.reduce((most, { seq }) => Math.max(most, seq), 0)
  return `W/"${last}-${home?.live ?? 0}"`
}

function shownOf(held: readonly Held[]): wire.PostedStatus[] {
  const live = held.filter(({ state }) => state === 'live')
  return live.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(postedOf)
}

export function postedOf({
  cluster,
  claimRef,
  object,
  message,
  health,
  observedAt,
  generation,
}: Held): wire.PostedStatus {
  return {
    cluster,
    claimRef,
    ...object,
    statusMessage: message,
    ...(health !== null && { health }),
    observedAt: isoTime(observedAt),
    ...(generation !== null && { generation }),
  }
}
