/**
 * Signatures of outgoing webhooks as Standard Webhooks writes them, so that receivers can verify them with the
 * libraries there are: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac } from 'node:crypto'

const prefix = 'whsec_'
/** The specification wants 24 to 64 bytes. */
const [fewest, most] = [24, 64]

/** null: no secret as the specification writes them. */
export function keyOf(secret: string): Buffer | null {
  if (!secret.startsWith(prefix)) return null
  const text = secret.slice(prefix.length)
  const key = Buffer.from(text, 'base64')
  if (key.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) return null
  return key.length >= fewest && key.length <= most ? key : null
}

/** `webhook-signature`: one for each secret, so that a receiver may know either of them while one replaces the other. */
export function signatureOf(id: string, seconds: number, body: string, secrets: readonly string[]): string {
  return secrets
    .map((secret) => {
      const key = keyOf(secret)
      if (key === null) throw new Error('a webhook secret is not whsec_ and base64 of 24 to 64 bytes')
      return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`
    })
    .join(' ')
}
