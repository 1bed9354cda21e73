/** Asks V8 for collections that it would put off: the room that it keeps for itself is missing to others. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Ms } from './clock.ts'

export interface Tidier {
  /** A pass is over that wrote so many things. */
  passed(written: number): Promise<void>
}

/** Things written from which on it is worth it. */
const worthIt = 500
/** Quiet time after a pass: one that overlaps it may still be at work. */
const quiet: Ms = 500

/**
 * A pass that read and wrote ten thousand manifests leaves 430 MB behind, of which 25 MB are in use; V8 would keep
 * the room for the next such pass, which may be months away. Asking once gives half of it back (Node 24.21,
 * 2026-11: 480 → 225 MB resident, 100 ms).
 */
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

const sweepEvery = 8 * 1024 * 1024

/**
 * To be called with the bytes of buffers that were read and let go. They die young, and V8 lets 64 MB and more of them
 * pile up before it looks; asked after each 8 MB it keeps up (Node 24.21, 2026-11: eight layers of 128 MB at once,
 * 230 → 173 MB resident at most, no slower).
 */
export function createSweeper(sweep: () => void = collectYoung): (bytes: number) => void {
  let piled = 0
  return (bytes) => {
    piled += bytes
    if (piled < sweepEvery) return
    piled = 0
    sweep()
  }
}

type Collect = (options: { type: 'minor' | 'major'; flavor?: 'last-resort' }) => void

let collector: Collect | undefined

/** Only a context that is made after the flag has it. */
function collect(): Collect | undefined {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as Collect | undefined
  }
  return collector
}

/** After much was read that is let go of; takes 30 to 100 ms. */
export function giveMemoryBack(): void {
  collect()?.({ type: 'major', flavor: 'last-resort' })
}
const collectYoung = () => collect()?.({ type: 'minor' })
