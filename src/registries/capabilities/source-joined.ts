/** The files of a sync and what was sent through the API, as one source of two scopes. Files win. */
import { listen, type Listener } from '../../engine/listen.ts'
import type { Child, Hint, Source } from '../../engine/source.ts'
import type { Capability } from './model.ts'
import type { SubmittedSource } from './source-submitted.ts'
import { submitted } from './submissions.ts'

export interface JoinedOptions {
  /** Its one scope is the root. null: everything comes through the API. */
  readonly files: Source<Capability> | null
  /** null: nothing is taken through the API, and what was taken before is orphaned. */
  readonly submissions: SubmittedSource | null
  /** Told of besides. */
  readonly alsoHints?: Stream
  readonly listener: Listener
}

export function createJoinedSource({ files, submissions, alsoHints, listener }: JoinedOptions): Source<Capability> {
  const sent: readonly Child[] = submissions === null ? [] : [{ scope: submitted, rank: 1 }]
  const streams = [files?.hints, submissions?.hints, alsoHints].filter((stream) => stream !== undefined)
  return {
    scopes: [...(files?.scopes ?? []), ...sent],
    // By its name the scope of what was sent is below that of the files; it is none of theirs.
    namesAll: true,
    absence: files?.absence ?? 'vouched',
    async look(ask, signal) {
      if (ask.scope === submitted && submissions !== null) return submissions.look(ask, signal)
      if (files === null) return { saw: 'unavailable', why: 'source-unavailable', detail: 'the config names no files' }
      const look = await files.look(ask, signal)
      if (look.saw !== 'complete') return look
      return { ...look, children: [...(look.children ?? []), ...sent] }
    },
    hints: (signal) => merge(streams, listener, signal),
  }
}

type Stream = (signal: AbortSignal) => AsyncIterable<Hint>

/** All hints of all streams as they come, until the signal aborts. One that fails begins anew by itself. */
async function* merge(streams: readonly Stream[], listener: Listener, signal: AbortSignal): AsyncGenerator<Hint> {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const queue: Hint[] = []
  let wake = () => {}
  const take = (hint: Hint) => {
    queue.push(hint)
    wake()
  }
  const stop = () => wake()
  signal.addEventListener('abort', stop, { once: true })
  const heard = streams.map((stream) => listen(listener, () => stream(both), take, 'hints of the source ended', both))
  try {
    while (!signal.aborted) {
      yield* queue.splice(0)
      const woken = Promise.withResolvers<void>()
      wake = woken.resolve
      if (queue.length === 0 && !signal.aborted) await woken.promise
    }
  } finally {
    signal.removeEventListener('abort', stop)
    ending.abort()
    await Promise.all(heard)
  }
}
