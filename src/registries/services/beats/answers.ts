/** What is said of heartbeats, as JSON. By hand: the texts that most are answered with are made once. */
import { AppError, type ErrorCode } from '../../../kernel/errors.ts'
import type { DirectReply } from '../../../kernel/route.ts'
import type { ServiceRef } from '../model.ts'
import type { BeatOutcome, BeatRefusal, BeatResult } from './beats.ts'
import { outcomes } from './outcomes.ts'

/** On the wire `taken` is `ok`. */
export const wireResults = [
  'ok',
  'repeated',
  'restarted',
  'duplicate',
  'activated',
  'reactivated',
  'registered',
  'quarantined',
  'refused',
] as const

const wireOf = (result: BeatResult) => (result === 'taken' ? 'ok' : result)

const replies = new Map(
  Object.values(outcomes).map((outcome): [BeatOutcome, DirectReply] => {
    const { result, detail } = outcome
    const body = JSON.stringify({ result: wireOf(result), ...(detail !== undefined && { detail }) })
    return [outcome, { status: result === 'quarantined' ? 202 : 200, body }]
  }),
)
const okReply = replies.get(outcomes.taken)!

const codes: Readonly<Record<BeatRefusal, ErrorCode>> = {
  'service-unknown': 'services.unknown',
  'service-revoked': 'services.revoked',
  'service-deleted': 'services.deleted',
  'service-parent': 'services.parent',
  'service-subject': 'request.forbidden',
  'service-invalid': 'request.invalid',
  'service-unavailable': 'journal.unavailable',
}

/** Of a single heartbeat. Throws AppError for a refusal. */
export function replyTo(outcome: BeatOutcome): DirectReply {
  if (outcome === outcomes.taken) return okReply
  const reply = replies.get(outcome)
  if (reply !== undefined) return reply
  throw refusalError(outcome)
}

export function refusalError({ why = 'service-invalid', detail = '' }: BeatOutcome): AppError {
  return new AppError(codes[why], detail, { data: { result: 'refused', reason: why } })
}

/** Of one among many: what is not `ok` is told of. `ref`: as far as it could be read. */
export function itemText(index: number | null, ref: Partial<ServiceRef>, { result, why, detail }: BeatOutcome): string {
  return JSON.stringify({
    ...(index !== null && { index }),
    id: ref.id,
    service_type: ref.type,
    result: wireOf(result),
    reason: why,
    detail,
  })
}

/** Neither refused nor waiting for a person. */
export function isAccepted({ result }: BeatOutcome): boolean {
  return result !== 'refused' && result !== 'quarantined'
}
