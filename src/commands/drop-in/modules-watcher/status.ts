/** `GET /status`: what is known of registries, what builders are still to get, what is unavailable and since when. */
import { holds, type HoldRow } from '../../../engine/tables.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import type { Settings } from './flags.ts'
import type { Answer } from './http.ts'
import { readBackends } from './backends.ts'
import { readKnown } from './known.ts'
import { sync, type Session } from './session.ts'

/** `session` null: it is being opened. */
export async function statusPage(session: Session | null, settings: Settings): Promise<Answer> {
  const body = session === null ? { scan: null, registries: [], backends: [], held: [] } : await read(session, settings)
  return { type: 'application/json', text: `${JSON.stringify(body, null, 2)}\n` }
}

async function read({ engine, journal, folder, addressOf }: Session, settings: Settings) {
  const [{ running, lastPassAt, lastPassOk, nextPassAt }, { registries }, backends, held] = await Promise.all([
    engine.status(sync),
    readKnown(journal, sync, settings.registries),
    readBackends(journal, sync, addressOf),
    journal.select(holds, { where: { sync, state: 'held' }, limit: mostHolds }),
  ])
  const time = (at: Instant | null) => (at === null ? null : isoTime(at))
  return {
    scan: { running, lastAt: time(lastPassAt), lastOk: lastPassOk, nextAt: time(nextPassAt) },
    /** null: in memory, for this run only. */
    state: folder,
    registries,
    backends,
    held: held.map(({ target, key, op, reason, until }: HoldRow) => {
      const [module, channel] = key.split('/')
      return {
        backend: target,
        module,
        channel,
        change: op === 'put' ? 'upload' : 'delete',
        reason,
        until: time(until),
      }
    }),
  }
}

const mostHolds = 100
