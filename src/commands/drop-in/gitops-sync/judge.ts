/** Compares what was seen with what is true now, and says what is left to do. */
import type { Journal } from '../../../engine/journal.ts'
import type { Settings } from './arguments.ts'
import type { Tally } from './cycle.ts'
import type { Log, Statistics } from './output.ts'
import { readStanding, type Standing } from './standing.ts'

export interface Settled {
  readonly statistics: Statistics
  readonly standing: Standing
}

export interface JudgeOptions {
  readonly journal: Journal
  readonly sync: string
  readonly target: string
  readonly settings: Pick<Settings, 'capabilities' | 'mode' | 'interval'>
  readonly log: Log
}

export function createJudge({ journal, sync, target, settings, log }: JudgeOptions) {
  let toldUnremoved = ''

  return async ({ files, good, synced }: Tally, now: number): Promise<Settled> => {
    const standing = await readStanding(journal, sync, target)
    const { undelivered, unremoved } = standing
    const errors = files === null ? 0 : files - good + undelivered
    const skipped = files === null ? 0 : Math.max(0, files - synced.size - errors)
    if (files !== null && files > 0) {
      log('INFO', `Sync complete: ${synced.size} synced, ${skipped} skipped, ${errors} errors`)
    }
    const names = unremoved.join(', ')
    if (names !== toldUnremoved && names !== '') log('ERROR', unremovedText(unremoved, settings))
    toldUnremoved = names
    const counts = { files: files ?? 0, synced: synced.size, skipped, errors }
    return { statistics: { ...counts, lastSync: files === null || files === 0 ? null : now }, standing }
  }
}

/** Most names in one line. */
const mostNames = 10

function unremovedText(
  unremoved: readonly string[],
  { capabilities, mode, interval }: JudgeOptions['settings'],
): string {
  const names = unremoved.slice(0, mostNames).join(', ')
  const more = unremoved.length > mostNames ? ` and ${unremoved.length - mostNames} more` : ''
  const what = `Not removed from etcd though absent from ${capabilities}: ${names}${more}`
  const later = `${Math.min(interval, 20)} s later`
  const when =
    mode === 'watch'
      ? `a second look ${later} confirms it; many at once wait for a person`
      : `a second run ${later} that still knows of this one confirms it; many at once wait for a person`
  return `${what}; ${when}; to remove now: --allow-deletes ${unremoved.length}`
}
