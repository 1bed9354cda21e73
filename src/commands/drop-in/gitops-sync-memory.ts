/**
 * A pass that read and wrote ten thousand manifests leaves 430 MB behind, of which 25 MB are in use; V8
 * would keep the room for the next such pass, which may be months away. Asking once gives half of it
 * back (Node 24.21, 2026-11: 480 → 225 MB resident, 100 ms).
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Ms } from '../../kernel/clock.ts'

export interface Tidier {
  /** A pass is over that wrote so many capabilities. */
  passed(written: number): Promise<void>
}

/** Capabilities written from which on it is worth it. */
const worthIt = 500
/** Quiet time after a pass: one that overlaps it may still be at work. */
const quiet: Ms = 500

export function createTidier(clock: Clock, signal: AbortSignal, tidy: () => void = giveMemoryBack): Tidier {
  // The first pass also loaded the program.
  let written = worthIt
  let passes = 0
  return {
    async passed(count) {
      written += count
      passes += 1
      const last = passes
      if (written < worthIt) return
      await clock.sleep(quiet, signal)
      if (signal.aborted || last !== passes || written < worthIt) return
      written = 0
      tidy()
    },
  }
}

function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as ((options: object) => void) | undefined
  collect?.({ type: 'major', flavor: 'last-resort' })
}
