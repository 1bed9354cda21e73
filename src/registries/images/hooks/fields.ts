/** Reads JSON of which nothing is sure. */
import { mediaTypeOf } from '../../../kernel/route.ts'
import type { Delivery, Fields, Headers } from './sender.ts'

/** {}: there is no such object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

/** []: there is no such list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** null: no text, or an empty one. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** ''; or the first of several. */
export function headerOf(headers: Headers, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : (value?.[0] ?? '')
}

/** The `payload` of a form; anything else as it is. */
export function formPayload({ headers, body }: Delivery): Uint8Array {
  if (mediaTypeOf(headers['content-type']) !== 'application/x-www-form-urlencoded') return body
  return Buffer.from(new URLSearchParams(body.toString('utf8')).get('payload') ?? '')
}

/** A reference taken apart: `host/team/shop:v1@sha256:…` → `host/team/shop` and `v1`. */
export function referenceOf(text: string): { readonly repository: string; readonly tag: string | null } {
  const named = text.split('@', 1)[0]!
  const colon = named.lastIndexOf(':')
  // A port, not a tag.
  if (colon < 0 || named.includes('/', colon)) return { repository: named, tag: null }
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1) || null }
}
