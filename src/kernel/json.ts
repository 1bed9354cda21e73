/** Any value that JSON can carry. Rows, events and API bodies hold nothing else. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

/**
 * JSON with object keys in code-unit order, so that equal values have equal text.
 * Digests and the hash chain are taken over this form.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  // A loop: in chained array methods the short objects of events cost half as much again (0.33 for 0.21 µs, 2026-11-21).
  let text = ''
  for (const name of Object.keys(value).toSorted()) {
    const field = (value as JsonObject)[name]
    if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(field)}`
  }
  return `{${text}}`
}
