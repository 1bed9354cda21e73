/**
 * The hash chain. The events of one transaction form a block; its hash covers the hash of the block
 * before and every event, so that no event or block can be altered, removed or inserted unnoticed.
 */
import { createHash } from 'node:crypto'
import type { Instant } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Event, EventDraft, Head, Seq, Verdict } from '../engine/journal.ts'
import { checkText } from './cells.ts'
import { canonicalJson } from '../kernel/json.ts'

/** type, sync, scope, target, key, reason, actor, data (canonical JSON). */
export type DraftCells = readonly [string, ...(string | null)[]]

/** seq and at, then the cells of the draft: the order of the columns of table `event`. */
export type EventCells = readonly [Seq, Instant, ...DraftCells]

export const draftColumns = ['type', 'sync', 'scope', 'target', 'key', 'reason', 'actor', 'data'] as const
export const eventColumns = ['seq', 'at', ...draftColumns] as const

export interface Block {
  readonly first: Seq
  readonly last: Seq
  readonly prev: Digest
  readonly hash: Digest
  readonly at: Instant
  readonly count: number
}

/** Where the chain starts: the last block that retention dropped, or the beginning of all. */
export type Anchor = Head

export const origin: Head = { seq: 0, hash: '0'.repeat(64) }

export function encodeDraft(draft: EventDraft): DraftCells {
  const text = (name: Exclude<(typeof draftColumns)[number], 'data'>) => {
    const value = draft[name]
    return value === undefined ? null : checkText(value, `event.${name}`)
  }
  return [
    checkText(draft.type, 'event.type'),
    text('sync'),
    text('scope'),
    text('target'),
    text('key'),
    text('reason'),
    text('actor'),
    draft.data === undefined ? null : canonicalJson(draft.data),
  ]
}

export function decodeEvent(cells: readonly (string | number | null)[]): Event {
  const event: Record<string, unknown> = { seq: cells[0], at: cells[1] }
  for (const [at, column] of draftColumns.entries()) {
    const cell = cells[at + 2]
    if (cell !== null && cell !== undefined) event[column] = column === 'data' ? JSON.parse(cell as string) : cell
  }
  return event as unknown as Event
}

export function blockOf(head: Head, at: Instant, events: readonly EventCells[]): Block {
  const block = { first: head.seq + 1, last: head.seq + events.length, prev: head.hash, at, count: events.length }
  return { ...block, hash: hashOf(block, events) }
}

function hashOf(block: Omit<Block, 'hash'>, events: readonly EventCells[]): Digest {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([block.prev, block.first, block.last, block.at, block.count]))
  // One update: crossing into the hash costs more than the hashing of short lines.
  hash.update(events.map((event) => `\n${JSON.stringify(event)}`).join(''))
  return hash.digest('hex')
}

export interface ChainWalker {
  /** The next block with its events, both in order. False: the chain is broken, `finish` tells where. */
  step(block: Block, events: readonly EventCells[]): boolean
  /** `stray`: the position of an event that lies in no block, if there is one. */
  finish(head: Head, stray?: Seq | null): Verdict
}

/** Recomputes the chain from its anchor, block by block, in constant memory. */
export function walkChain(anchor: Anchor): ChainWalker {
  let at: Head = anchor
  let blocks = 0
  let events = 0
  let broken: { ok: false; at: Seq; why: string } | null = null
  const fail = (seq: Seq, why: string) => {
    broken ??= { ok: false, at: seq, why }
    return false
  }
  return {
    step(block, held) {
      if (broken) return false
      if (block.first !== at.seq + 1) return fail(at.seq + 1, 'block is missing')
      if (block.prev !== at.hash) return fail(block.first, 'block does not continue the one before')
      if (block.count !== held.length || block.last - block.first + 1 !== block.count) {
        return fail(firstGap(block.first, held), 'event is missing or added')
      }
      for (const [place, event] of held.entries()) {
        if (event[0] !== block.first + place) return fail(block.first + place, 'event is missing or added')
      }
      if (hashOf(block, held) !== block.hash) return fail(block.first, 'block or one of its events was altered')
      at = { seq: block.last, hash: block.hash }
      blocks += 1
      events += held.length
      return true
    },
    finish(head, stray = null) {
      if (broken) return broken
      if (stray !== null) return { ok: false, at: stray, why: 'event lies in no block' }
      if (at.seq !== head.seq)
        return { ok: false, at: Math.min(at.seq, head.seq) + 1, why: 'chain ends before the head' }
      if (at.hash !== head.hash) return { ok: false, at: head.seq, why: 'head does not match the newest block' }
      return { ok: true, blocks, events, from: anchor.seq + 1, to: head.seq }
    },
  }
}

function firstGap(first: Seq, events: readonly EventCells[]): Seq {
  const gap = events.findIndex((event, place) => event[0] !== first + place)
  return first + (gap === -1 ? events.length : gap)
}

export const day = 86_400_000

/** Retention drops whole days (UTC) of blocks: everything before the day that `before` lies in. */
export function segmentStart(before: Instant): Instant {
  return Math.floor(before / day) * day
}
