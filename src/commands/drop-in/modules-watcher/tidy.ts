/** What is done once an hour: archives that no entry names go, old events, and builders that left long ago. */
import type { Engine } from '../../../engine/engine.ts'
import type { Journal } from '../../../engine/journal.ts'
import { entries, targets } from '../../../engine/tables.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Archives, ModuleDocument } from '../../../registries/modules/drop-in.ts'
import type { Log } from './log.ts'

export interface TidierOptions {
  readonly sync: string
  readonly journal: Journal
  readonly engine: Pick<Engine, 'forget'>
  readonly archives: Pick<Archives, 'sweep'>
  readonly clock: Clock
  readonly log: Log
}

const every: Ms = 3_600_000
/** One that returns within it is compared, and gets what it missed; a later one is new. Leases of pods have ever new names. */
const remembered: Ms = 86_400_000
/** As `regista serve` keeps them. */
const history: Ms = 90 * 86_400_000

/** To be called after each pass. */
export function createTidier(options: TidierOptions): () => Promise<void> {
  const { clock, log } = options
  let due = 0
  return async () => {
    if (clock.now() < due) return
    due = clock.now() + every
    try {
      await sweep(options)
      await forgetThoseThatLeft(options)
      await options.journal.retain(clock.now() - history)
    } catch (error) {
      log('warn', 'what nobody needs any more could not be removed', { error })
    }
  }
}

async function sweep({ sync, journal, archives, log }: TidierOptions): Promise<void> {
  const rows = await journal.select(entries, { where: { sync, state: 'live' }, without: ['note', 'stamp'] })
  const swept = await archives.sweep(new Set(rows.map(({ item }) => (item as unknown as ModuleDocument).archive)))
  log('debug', 'archives that nobody needs were removed', { ...swept })
}

/** Only we know that nobody will ask for them: there is no command for it here. */
async function forgetThoseThatLeft({ sync, journal, engine, clock, log }: TidierOptions): Promise<void> {
  for (const { target, seq } of await journal.select(targets, { where: { sync, state: 'orphaned' } })) {
    const at = await orphanedAt(journal, seq)
    if (at === null || clock.now() - at < remembered) continue
    await engine.forget({ sync, target }, 'a builder that left')
    log('debug', 'a builder that left is forgotten', { target })
  }
}

async function orphanedAt(journal: Journal, seq: number): Promise<Instant | null> {
  const [event] = await journal.events({ after: seq - 1, limit: 1 })
  return event?.at ?? null
}
