/** Outcomes that many heartbeats have in common are one object each: the usual case allocates none. */
import type { BeatOutcome, BeatRefusal, BeatResult } from './beats.ts'

export const outcomes: Readonly<Record<Exclude<BeatResult, 'refused'>, BeatOutcome>> = {
  taken: { result: 'taken' },
  repeated: { result: 'repeated' },
  restarted: { result: 'restarted' },
  duplicate: { result: 'duplicate', detail: 'Two senders take turns under this id: give one of them another.' },
  activated: { result: 'activated' },
  reactivated: { result: 'reactivated' },
  registered: { result: 'registered' },
  quarantined: { result: 'quarantined', detail: 'It is not registered: it waits for a person to approve it.' },
}

const sentences: Readonly<Record<BeatRefusal, string>> = {
  'service-unknown': 'It is not registered: register it, then it may report.',
  'service-revoked': 'Its registration was revoked: an admin can activate it again.',
  'service-deleted': 'It was deleted: an admin can bring it back within the grace time.',
  'service-parent': 'It is registered under another parent.',
  'service-subject': 'The credential belongs to another service, and speaks for that one and what is below it.',
  'service-invalid': 'The heartbeat cannot be read.',
  'service-unavailable': 'It could not be recorded now: send it again.',
}

const plain = Object.fromEntries(
  Object.entries(sentences).map(([why, detail]) => [why, { result: 'refused', why, detail }]),
) as Record<BeatRefusal, BeatOutcome>

export function refusal(why: BeatRefusal, detail?: string): BeatOutcome {
  return detail === undefined ? plain[why] : { result: 'refused', why, detail }
}

/** As counted: refusals by why. */
export const countedResults: readonly string[] = [...Object.keys(outcomes), ...Object.keys(sentences)]

export function countedAs({ result, why }: BeatOutcome): string {
  return why ?? result
}
