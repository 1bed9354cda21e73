/**
 * A site is what a target stands for: it outlives the process, can be down, can be changed by
 * others, and remembers every effect that anybody could see. `client` is the target as one process
 * has it.
 */
import type { Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Key } from '../../source.ts'
import type { Batch, Change, Outcome, Target, Traits } from '../../target.ts'
import type { Item } from '../fake-source.ts'
import type { Reach } from '../process.ts'

/** Something that the outside can see. */
export interface Effect {
  readonly at: Instant
  readonly op: 'put' | 'delete' | 'finish'
  /** null: it concerns the whole target. */
  readonly key: Key | null
  /** The content put. */
  readonly n: number | null
}

/** What the site tells whoever judges the run. */
export interface Witness {
  /** The engine handed over this change. */
  asked(site: string, change: Change<Item>): void
  did(site: string, effect: Effect): void
  /** The engine could not know what became of this change: where repeating is safe, it may repeat. */
  unclear(site: string, key: Key): void
  /** Somebody else changed what the site holds of this key (null: of any). */
  disturbed(site: string, key: Key | null): void
  now(): Instant
  /** How a site names a content to those who look. */
  label(content: number): string
}

export type KeyFault = 'rejected' | 'fails' | 'lost-before' | 'lost-after' | 'silent-before' | 'silent-after'

export interface SiteFaults {
  down: boolean
  /** Answers nothing; `deaf` does not even end when it is told to. */
  hangs: 'no' | 'until-aborted' | 'deaf'
  lookDown: boolean
  /** The connection breaks after so many changes of a batch. */
  breaksAfter: number | null
  readonly keys: Map<Key, KeyFault>
  /** It acknowledges one change and forgets it. */
  swallows: boolean
}

export interface Site {
  readonly name: string
  readonly repeat: Traits['repeat']
  readonly looks: 'digests' | 'labels' | 'never'
  readonly faults: SiteFaults
  /** What it holds now, by key and number of the content. */
  holds(): ReadonlyMap<Key, number>
  /** Keys it holds that are not of our making. */
  foreign(): ReadonlySet<Key>
  /** Something was accepted that is not true yet. */
  pending?(): boolean
  client(reach: Reach, fingerprint: string): Target<Item>
  /** Somebody else does something to it. */
  disturb(what: Disturbance): void
}

export type Disturbance =
  /** Removes or overwrites what it holds. */
  | { readonly is: 'lose' | 'overwrite'; readonly key: Key }
  /** It is replaced by a new one, empty or a copy. */
  | { readonly is: 'replace'; readonly empty: boolean }
  /** What waits with others is accepted or turned down. */
  | { readonly is: 'accept' | 'turn-down' }
  /** It held this before we came. */
  | { readonly is: 'preset'; readonly key: Key; readonly ours: boolean }

export function noSiteFaults(): SiteFaults {
  return { down: false, hangs: 'no', lookDown: false, breaksAfter: null, keys: new Map(), swallows: false }
}

/** What others write: never a content of the truth. */
export const foreignContent = -1

export interface Handling {
  readonly site: string
  readonly faults: SiteFaults
  readonly witness: Witness
  readonly reach: Reach
}

export async function* handle(
  { site, faults, witness, reach }: Handling,
  batch: Batch<Item>,
  signal: AbortSignal,
  act: (change: Change<Item>) => Promise<Outcome>,
): AsyncGenerator<readonly [Key, Outcome]> {
  for (const change of batch.changes) witness.asked(site, change)
  await answering({ site, faults, witness, reach }, signal)
  for (const [index, change] of batch.changes.entries()) {
    if (faults.breaksAfter !== null && index >= faults.breaksAfter) throw unavailable('connection reset')
    batch.fence()
    const fault = faults.keys.get(change.key)
    const refused = await reach.read(() => refuse(fault, change))
    if (refused) yield [change.key, refused]
    if (refused || fault === 'silent-before') continue
    const outcome = await act(change)
    if (fault?.endsWith('-after')) witness.unclear(site, change.key)
    if (fault === 'lost-after') yield [change.key, failed('unknown')]
    else if (fault !== 'silent-after') yield [change.key, outcome]
  }
}

/** Throws or waits when the site as a whole does not answer. */
export async function answering({ faults, reach }: Handling, signal: AbortSignal): Promise<void> {
  await reach.read(() => {
    if (faults.down) throw unavailable('connection refused')
  })
  if (faults.hangs === 'deaf') await new Promise(() => {})
  if (faults.hangs === 'until-aborted' && !signal.aborted) {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true })
    })
  }
  if (signal.aborted) throw new AppError('aborted', 'the call was ended')
}

function refuse(fault: KeyFault | undefined, change: Change<Item>): Outcome | null {
  if (fault === 'rejected') return { is: 'rejected', why: 'refused', detail: `no ${change.key}`, until: 'item' }
  if (fault === 'fails') return failed('none')
  return fault === 'lost-before' ? failed('unknown') : null
}

const failed = (effect: 'none' | 'unknown'): Outcome => ({ is: 'failed', error: unavailable('no answer'), effect })

export function unavailable(detail: string): AppError {
  return new AppError('target.unavailable', detail)
}

export function contentOf(change: Change<Item>): number {
  if (!change.entry) throw new Error(`a put of ${change.key} came without its entry`)
  return change.entry.item.content
}
