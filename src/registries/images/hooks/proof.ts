/** Whether a delivery comes from whom the hook is for. Its address has been right already. */
import { isAgreed } from '../../../connectors/webhook/verify.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { HookConfig } from './config.ts'
import { headerOf } from './fields.ts'
import type { Delivery, Sender } from './sender.ts'

/** All that is set must be right. `sender`: null where the headers do not tell, and then nothing is signed. */
export function isProven(hook: HookConfig, sender: Sender | null, delivery: Delivery, now: Instant): boolean {
  const { secrets, header, id } = hook
  if (secrets === undefined && header === undefined) return id !== undefined
  const signed = secrets === undefined || (sender?.isSigned?.(delivery, secrets, now) ?? false)
  const agreed = header === undefined || isAgreed(headerOf(delivery.headers, header.name.toLowerCase()), header.values)
  return signed && agreed
}

/** For people: hmac, header, id. */
export function proofsOf({ secrets, header, id }: HookConfig): string {
  const set = [secrets && 'hmac', header && 'header', id !== undefined && 'id']
  return set.filter((name) => typeof name === 'string').join(', ')
}
