/**
 * Proofs that a webhook comes from whom it should. Secrets are lists, so that one can replace another while both
 * count. Nothing here answers sooner for a proof that is almost right.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Instant, Ms } from '../../kernel/clock.ts'
import { keyOf } from './sign.ts'

/** More are not looked at: each costs an HMAC over the whole body. */
const most = 4

/**
 * Whether one of the signatures, in hex, is the HMAC-SHA256 of the bytes under one of the secrets. An empty secret or
 * signature is none: some senders that know no secret send `sha256=` alone.
 */
export function isSigned(bytes: Uint8Array, signatures: readonly string[], secrets: readonly string[]): boolean {
  const given = signatures.filter((text) => /^[0-9a-f]{64}$/i.test(text)).map((text) => Buffer.from(text, 'hex'))
  return isOneOf(given, macsOf(bytes, secrets))
}

/** Whether a header's value is one of those that were agreed on. */
export function isAgreed(given: string | undefined, agreed: readonly string[]): boolean {
  const known = agreed.filter((text) => text !== '')
  // Digests: values of other lengths are compared in the same time.
  return isOneOf([sha256Of(given ?? '')], known.map(sha256Of))
}

/** How far the clocks of sender and receiver may be apart: https://www.standardwebhooks.com */
const tolerance: Ms = 5 * 60_000

export interface Standard {
  /** Header `webhook-id`. */
  readonly id: string
  /** Header `webhook-timestamp`. */
  readonly timestamp: string
  /** Header `webhook-signature`. */
  readonly signature: string
}

/** As Standard Webhooks signs (sign.ts); secrets that are not written as it writes them are used as they are. */
export function isStandardSigned(bytes: Uint8Array, sent: Standard, secrets: readonly string[], now: Instant): boolean {
  const { id, timestamp, signature } = sent
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp) * 1000) > tolerance) return false
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bytes])
  const given = signature
    .split(' ', most)
    .filter((text) => /^v1,[A-Za-z0-9+/]{43}=$/.test(text))
    .map((text) => Buffer.from(text.slice(3), 'base64'))
  const keys = secrets.map((secret) => keyOf(secret) ?? secret)
  return isOneOf(given, macsOf(signed, keys))
}

function macsOf(bytes: Uint8Array, keys: readonly (string | Buffer)[]): Buffer[] {
  const usable = keys.filter((key) => key.length > 0).slice(0, most)
  return usable.map((key) => createHmac('sha256', key).update(bytes).digest())
}

/** All are compared with all, whatever is found. Each is 32 bytes. */
function isOneOf(given: readonly Buffer[], right: readonly Buffer[]): boolean {
  let found = 0
  for (const one of given.slice(0, most)) {
    for (const other of right) found |= Number(timingSafeEqual(one, other))
  }
  return found === 1
}

function sha256Of(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
