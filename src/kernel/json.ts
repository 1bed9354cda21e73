/** Any value that JSON can carry. Rows, events and API bodies hold nothing else. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

/**
 * JSON with object keys in code-unit order, so that equal values have equal text.
 * Digests and the hash chain are taken over this form.
 */
export function canonicalJson(value: Json): string {
  // One call for the whole text: half of what a call for each name and value takes (0.20 for 0.41 µs, 2026-11-21).
  const sorted = inOrder(value)
  return sorted === undefined ? byParts(value) : JSON.stringify(sorted)
}

/** The same with the names in order; undefined: an object of such names would not keep them in order. */
function inOrder(value: Json): Json | undefined {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    const items = value.map(inOrder)
    return items.includes(undefined) ? undefined : (items as Json[])
  }
  const names = Object.keys(value)
  for (let at = 1; at < names.length; at += 1) if (names[at - 1]! > names[at]!) names.sort()
  const sorted: Record<string, Json> = {}
  for (const name of names) {
    const field = (value as JsonObject)[name]
    if (field === undefined) continue
    const within = inOrder(field)
    if (within === undefined || isMoved(name)) return undefined
    sorted[name] = within
  }
  return sorted
}

/** What looks like a place in a list comes first in any object, and __proto__ is no property. */
function isMoved(name: string): boolean {
  const first = name.charCodeAt(0)
  return (first >= 48 && first <= 57) || name === '__proto__'
}

function byParts(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(byParts).join(',')}]`
  let text = ''
  for (const name of Object.keys(value).toSorted()) {
    const field = (value as JsonObject)[name]
    if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${byParts(field)}`
  }
  return `{${text}}`
}
