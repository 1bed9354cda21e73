import { readdirSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Ms } from '../../../kernel/clock.ts'

/** What was removed. */
export interface Swept {
  readonly archives: number
  readonly slices: number
  readonly temporary: number
  readonly bytes: number
}

/** Between an archive on disk and the ledger that names it; and a process that stopped writing has ended. */
const young: Ms = 60 * 60_000

export interface Sweeping {
  readonly folder: string
  /** Digests of archives. */
  readonly keep: ReadonlySet<string>
  /** Names of temporary files that this process still writes. */
  readonly live: ReadonlySet<string>
  readonly clock: Clock
  readonly sliceBytes: number
}

interface File {
  readonly name: string
  readonly size: number
  /** For archives and slices the time of their last use. */
  readonly modified: number
}

/**
 * Looks and removes without a pause between, so that nothing else of this process gets in. Open files stay readable
 * when they are removed: a slice that is being used, an archive that is being sent.
 */
export async function sweepFolder({ folder, keep, live, clock, sliceBytes }: Sweeping): Promise<Swept> {
  const now = clock.now()
  const isOld = ({ modified }: File) => now - modified >= young
  let bytes = 0

  function remove(within: string, isDone: (file: File) => boolean): number {
    let removed = 0
    for (const file of filesOf(join(folder, within))) {
      if (!isDone(file)) continue
      unlinkSync(join(folder, within, file.name))
      bytes += file.size
      removed++
    }
    return removed
  }

  const archives = remove('archives/sha256', (file) => !keep.has(`sha256:${file.name}`) && isOld(file))
  const temporary = remove('tmp', (file) => !live.has(file.name) && isOld(file))
  const excess = excessOf(filesOf(join(folder, 'slices')), sliceBytes)
  const slices = remove('slices', (file) => excess.has(file.name))
  return { archives, slices, temporary, bytes }
}

/** The slices unused the longest, until the others are not too much. */
function excessOf(files: readonly File[], most: number): ReadonlySet<string> {
  const excess = new Set<string>()
  let sum = 0
  for (const { name, size } of files.toSorted((a, b) => b.modified - a.modified)) {
    sum += size
    if (sum > most) excess.add(name)
  }
  return excess
}

function filesOf(folder: string): File[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw thrown
  }
  return names.flatMap((name) => {
    const found = statSync(join(folder, name), { throwIfNoEntry: false })
    return found ? [{ name, size: found.size, modified: found.mtimeMs }] : []
  })
}
