/** `--health`: whether etcd answers and the sync is alive, for the health check of a container. */
import { readLastPass } from '../../../drop-in.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { asAppError, messageOf } from '../../../kernel/errors.ts'
import type { KeyValue } from '../../../kernel/key-value.ts'
import { askForHealth } from './ask.ts'
import type { Settings } from './arguments.ts'
import type { StatePlace } from './session.ts'

export interface HealthOptions {
  readonly settings: Settings
  readonly place: StatePlace
  readonly store: KeyValue
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Of each of the two questions; container engines give a check 30 s. */
const bound: Ms = 5000

/** One line, and whether it is good news. */
export async function checkHealth(options: HealthOptions): Promise<{ readonly ok: boolean; readonly line: string }> {
  const { settings, place, store, clock, signal } = options
  const deadline = createDeadline(clock, bound, signal, 'waiting for etcd')
  try {
    await deadline.within(store.identity(deadline.signal))
  } catch (thrown) {
    return bad(`etcd at ${settings.etcd.address} does not answer: ${asAppError(thrown).detail}`)
  } finally {
    deadline.end()
  }
  let found: { readonly last: Instant | null; readonly interval: number }
  try {
    const health = await askForHealth(place.folder, bound)
    found = health
      ? { last: health.lastPass, interval: health.interval }
      : { last: readLastPass(place.folder, place.sync), interval: settings.interval }
  } catch (thrown) {
    return bad(`the watch does not answer: ${messageOf(thrown)}`)
  }
  const { last, interval } = found
  if (last === null) {
    return bad(`no pass is known in ${place.folder}; of a sync that keeps its state in memory nothing can be known`)
  }
  const age = Math.max(0, clock.now() - last) / 1000
  const most = 3 * Math.max(1, interval)
  const text = `the last pass was ${Math.round(age)} s ago`
  return age < most ? { ok: true, line: `healthy: ${text}` } : bad(`${text}, more than 3 intervals of ${interval} s`)
}

function bad(why: string): { ok: false; line: string } {
  return { ok: false, line: `unhealthy: ${why.replaceAll('\n', ' ')}` }
}
