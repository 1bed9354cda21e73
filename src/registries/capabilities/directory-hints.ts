/**
 * Hints that a directory may have changed, from inotify. Only hints: events do not cross many network
 * mounts and are lost when a queue runs over; the interval finds what they miss.
 */
import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { root } from '../../engine/scope.ts'
import type { Hint } from '../../engine/source.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'

/** Editors and checkouts change files in bursts; a burst is one hint. */
const quiet: Ms = 40
/** Under constant change there is a hint this often all the same. */
const longest: Ms = 400

export interface WatchOptions {
  readonly directory: string
  readonly matches: (name: string) => boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Ends with the signal. Rejects when the directory cannot be watched or is no longer the same one. */
export async function* watchDirectory({ directory, matches, clock, signal }: WatchOptions): AsyncGenerator<Hint> {
  const path = resolve(directory)
  const changes = createChanges(signal)
  // A ConfigMap volume swaps the link `..data` under links that stay: any name with two dots counts.
  const watchers = [observe(path, changes, (name) => name === null || matches(name) || name.startsWith('..'))]
  try {
    // Whether the directory itself is replaced, or a link that leads to it, only its parent tells.
    watchers.push(observe(dirname(path), changes, (name) => name === basename(path), true))
  } catch {
    // The parent may not be ours to read; the interval finds what this would have told.
  }
  try {
    while (await changes.next()) {
      await changes.settle(clock)
      if (signal.aborted) return
      yield { scope: root }
      if (changes.moved()) throw new Error('the directory was replaced; it is watched anew')
    }
  } finally {
    for (const watcher of watchers) watcher.close()
  }
}

function observe(path: string, changes: Changes, counts: (name: string | null) => boolean, moves = false): FSWatcher {
  const watcher = watch(path, { persistent: false }, (_, name) => {
    if (counts(name)) changes.add(moves)
  })
  watcher.on('error', (error) => changes.fail(error))
  return watcher
}

interface Changes {
  add(moved: boolean): void
  fail(error: Error): void
  /** Resolves with true when something changed since `settle`, with false when the signal aborts. */
  next(): Promise<boolean>
  /** Resolves when nothing has changed for a moment. */
  settle(clock: Clock): Promise<void>
  /** The directory is no longer the one that is watched. */
  moved(): boolean
}

function createChanges(signal: AbortSignal): Changes {
  const state = { count: 0, settled: 0, moved: false, failure: null as Error | null }
  let wake = () => {}
  signal.addEventListener('abort', () => wake(), { once: true })
  return {
    moved: () => state.moved,
    add(moved) {
      state.count += 1
      state.moved ||= moved
      wake()
    },
    fail(error) {
      state.failure = error
      wake()
    },
    async next() {
      for (;;) {
        if (state.failure) throw state.failure
        if (signal.aborted) return false
        if (state.count !== state.settled) return true
        await new Promise<void>((resolved) => {
          wake = resolved
        })
      }
    },
    async settle(clock) {
      const until = clock.monotonic() + longest
      do {
        state.settled = state.count
        await clock.sleep(quiet, signal)
      } while (!signal.aborted && state.settled !== state.count && clock.monotonic() < until)
    },
  }
}
