/** One watch: from one version until the cluster, the network or the reader ends it. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import { clusterError, statusError } from './errors.ts'
import { readLines } from '../http/lines.ts'
import type { Query } from './list.ts'
import { isObject, type KubernetesObject } from './objects.ts'
import type { Sender } from './send.ts'

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubernetesObject & Stored }
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: { readonly resourceVersion: string } } }

interface Stored {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

export interface WatchParts {
  readonly sender: Sender
  readonly clock: Clock
  readonly random: Random
  readonly bounds: WatchBounds
}

export interface WatchBounds {
  /** How long the cluster is asked to keep a watch open, at the least and at the most: whole seconds. */
  readonly open: readonly [Ms, Ms]
  /** How much longer silence is borne. */
  readonly margin: Ms
  /** Longest line in bytes. */
  readonly line: number
}

/**
 * API servers end watches after 30 to 60 minutes by themselves; shorter, spread ones find their way back
 * after fail-over, and not all at once. An object may have 1.5 MiB in etcd's own form (--max-request-bytes);
 * as JSON it is larger, seldom more than twice.
 */
export const usualBounds: WatchBounds = { open: [240_000, 300_000], margin: 30_000, line: 8 << 20 }

/** Throws what it ends with, `expired` where the cluster has forgotten `from`; ends when the cluster ends it in order. */
export async function* watch(
  { sender, clock, random, bounds, opened }: WatchParts & { readonly opened: () => void },
  { path, labelSelector, fieldSelector }: Query,
  from: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  const [least, most] = bounds.open
  const seconds = Math.round((least + random() * (most - least)) / 1000)
  const query = { watch: '1', resourceVersion: from, allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) }
  const request = { method: 'GET', path, query: { ...query, labelSelector, fieldSelector } } as const
  const asked = sender.asked(request)
  const chunks = sender.stream(request, { idle: seconds * 1000 + bounds.margin, opened }, signal)
  const lines = readLines(chunks, {
    most: bounds.line,
    tooLong: () => clusterError(asked, 'too-large', `an event of more than ${bounds.line} bytes`),
    cutOff: () => clusterError(asked, 'network', 'ended inside an event'),
  })
  for await (const line of lines) {
    const event = readEvent(line)
    if (event === null) throw clusterError(asked, 'malformed', 'a line that is no watch event')
    if (event.type !== 'ERROR') {
      yield event
      continue
    }
    const { code } = event.object as { readonly code?: unknown }
    const status = typeof code === 'number' ? code : 500
    throw statusError(asked, { status, retryAfter: undefined, body: event.object }, clock.now())
  }
}

function readEvent(line: string): WatchEvent | { readonly type: 'ERROR'; readonly object: object } | null {
  let read: { readonly type?: unknown; readonly object?: unknown }
  try {
    read = JSON.parse(line) as typeof read
  } catch {
    return null
  }
  const { type, object } = read ?? {}
  if (typeof object !== 'object' || object === null) return null
  if (type === 'ERROR') return { type, object }
  const version = (object as Partial<KubernetesObject>).metadata?.resourceVersion
  if (typeof version !== 'string' || version === '') return null
  if (type === 'BOOKMARK') return { type, object: { metadata: { resourceVersion: version } } }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return null
  return isObject(object) ? { type, object: object as WatchEvent['object'] & KubernetesObject & Stored } : null
}
