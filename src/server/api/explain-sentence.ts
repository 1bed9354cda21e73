/** One plain sentence per key and target: why it is as it is, and what happens next. Pure. */
import type { Stored } from '../../engine/journal.ts'
import { reasons, type Reason } from '../../engine/reason.ts'
import type { DeliveryRow, EntryRow, HoldRow, SyncRow, TargetRow } from '../../engine/tables.ts'
import { isoTime, type Instant } from '../../kernel/clock.ts'

export interface Standing {
  readonly key: string
  readonly syncState: SyncRow['state']
  readonly target: Pick<TargetRow, 'target' | 'state' | 'why' | 'detail' | 'cursor'>
  /** The entry that counts; null: no source ever named the key. */
  readonly entry: Pick<Stored<EntryRow>, 'state' | 'label' | 'missedAt' | 'seq'> | null
  readonly delivery: DeliveryRow | null
  readonly hold: Pick<HoldRow, 'id' | 'reason' | 'until'> | null
  readonly now: Instant
}

/** Registries have reasons of their own: words joined by dashes read well enough. */
export function reasonText(reason: Reason): string {
  return (reasons as Readonly<Record<string, string>>)[reason] ?? reason.replaceAll('-', ' ')
}

export function sentenceOf(standing: Standing): string {
  const { target, syncState } = standing
  const said = standing.delivery === null ? undelivered(standing) : delivered(standing, standing.delivery)
  if (syncState === 'orphaned' || target.state === 'orphaned') {
    const what = target.state === 'orphaned' ? 'The target' : 'The sync'
    return `${said.fact} ${what} was taken out of the configuration, so nothing is sent until it is back.`
  }
  if (said.next === null) return said.fact
  if (syncState === 'paused') return `${said.fact} The sync is paused; after it is resumed, ${said.next}.`
  if (target.state === 'unavailable') {
    const why = target.detail ?? reasonText(target.why ?? 'target-unavailable')
    return `${said.fact} The target does not answer (${why}); when it does, ${said.next}.`
  }
  return `${said.fact} ${capital(said.next)}.`
}

/** `next`: completes "When it answers again, …"; null when nothing more happens by itself. */
interface Said {
  readonly fact: string
  readonly next: string | null
}

function undelivered({ key, target, entry }: Standing): Said {
  if (entry === null) return { fact: `No source names ${key}, and ${target.target} was never given it.`, next: null }
  if (entry.state === 'live') {
    return { fact: `${target.target} was not given ${key} yet.`, next: `the next pass gives it ${entry.label}` }
  }
  if (entry.state === 'stray') {
    return {
      fact: `${target.target} or another target holds ${key}, and no source has claimed it yet.`,
      next: 'it is decided about once every scope was seen whole',
    }
  }
  return { fact: `${key} is gone from its source, and ${target.target} was never given it.`, next: null }
}

function delivered(standing: Standing, delivery: DeliveryRow): Said {
  const { key, target, entry } = standing
  const name = target.target
  const change = delivery.op === 'put' ? `giving ${key} to ${name}` : `removing ${key} from ${name}`
  const why = delivery.detail ?? (delivery.reason === null ? null : reasonText(delivery.reason))
  const because = why === null ? '' : `: ${why}`
  const again = (does: string, done: string) =>
    delivery.due === null ? `the next pass ${does}` : `it is ${done} ${when(standing, delivery.due)}`
  switch (delivery.state) {
    case 'applied':
      return settled(standing, delivery)
    case 'pending':
      return { fact: `${capital(change)} is due${because}.`, next: again('sends it', 'sent') }
    case 'held':
      return { fact: `${capital(change)} is held${because}.`, next: released(standing) }
    case 'sending':
      return { fact: `${capital(change)} was begun, and no answer is recorded.`, next: 'the next pass finds out' }
    case 'waiting':
      return {
        fact: `${name} accepted ${change}, which is not true yet${because}.`,
        next: again('asks again', 'asked about again'),
      }
    case 'rejected': {
      const until = delivery.until === 'target' ? `${name} itself changes` : `${entry?.label ?? key} changes`
      return { fact: `${name} refused ${change}${because}.`, next: `it is not tried again until ${until}` }
    }
    case 'failed':
      return {
        fact: `${capital(change)} failed ${times(delivery.attempts)}${because}.`,
        next: again('tries again', 'tried again'),
      }
    case 'unsure':
      return {
        fact: `What ${name} holds of ${key} is not sure${because}.`,
        next: 'the next pass looks, or sends it again',
      }
  }
}

function settled({ key, target, entry }: Standing, delivery: DeliveryRow): Said {
  const name = target.target
  const live = entry?.state === 'live'
  if (delivery.digest === null) {
    const fact = `${name} does not hold ${key}; its removal was acknowledged.`
    return { fact, next: live ? `the next pass gives it ${entry.label}` : null }
  }
  const label = delivery.label ?? key
  if (!live) return { fact: `${name} holds ${label}, which its source no longer has.`, next: 'it is removed' }
  if (entry.missedAt !== null) {
    return {
      fact: `${name} holds ${label}; the last look at the source did not see ${key}.`,
      next: 'another look decides whether it is gone',
    }
  }
  // Every entry up to the cursor has its outcome at the target.
  if (entry.seq > target.cursor) {
    const fact = `${name} holds ${label}; the source was seen to change since, to ${entry.label}.`
    return { fact, next: 'the next pass compares the two' }
  }
  return { fact: `${name} holds ${label}, as the source wants it.`, next: null }
}

function released({ hold, now }: Standing): string {
  if (hold === null) return 'the next pass decides again'
  if (hold.until === null) return `it goes once somebody runs: regista release ${hold.id}`
  return `it goes ${when({ now }, hold.until)}, or once somebody runs: regista release ${hold.id}`
}

function when({ now }: Pick<Standing, 'now'>, at: Instant): string {
  return at <= now ? 'now' : `at ${isoTime(at)}`
}

function times(count: number): string {
  return count <= 1 ? 'once' : `${count} times`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
