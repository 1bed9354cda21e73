/** Server-sent events (HTML §9.2) of what is followed, resumed by position without gap or repetition. */
import { AppError } from '../kernel/errors.ts'
import type { EventFeed, Following } from './event-feed.ts'
import type { Event, Journal, Seq } from './journal.ts'

export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'x-accel-buffering': 'no',
} as const

/** One event as a frame. `data`: how it is shown. */
export function eventFrame(seq: Seq, type: string, data: unknown): string {
  return `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}

export async function* eventFrames(
  journal: Journal,
  feed: EventFeed,
  following: Following,
  frame: (event: Event) => string,
): AsyncGenerator<string> {
  yield 'retry: 2000\n\n'
  yield await gapNote(journal, following.from)
  for await (const { events, position } of feed.follow(following)) {
    // An id without data moves the point of resumption and dispatches nothing.
    yield events.length === 0 ? `: still here\nid: ${position}\n\n` : events.map(frame).join('')
  }
}

/** Tells a reader whose position lies before what retention kept. Positions have no holes. */
async function gapNote(journal: Journal, from: Seq): Promise<string> {
  const [next] = await journal.events({ after: from, limit: 1 })
  if (next === undefined || next.seq === from + 1) return ': from here on\n\n'
  const data = JSON.stringify({ after: from, kept: next.seq })
  return `event: gap\ndata: ${data}\n\n`
}

/** The position that Last-Event-ID names; null: none. */
export function resumePoint(header: string | string[] | undefined): Seq | null {
  if (header === undefined || header === '') return null
  const seq = Number(header)
  if (/^\d+$/.test(String(header)) && Number.isSafeInteger(seq)) return seq
  throw new AppError('request.invalid', 'Last-Event-ID is no position; send the id of an event.')
}
