/** Values of manifests as plain JavaScript, for who does not care what Python keeps apart. */
import { isMap, type PythonMap, type PythonValue } from './python-value.ts'

/** What YAML can say and JSON cannot: a date, bytes, a set. */
export class Opaque {
  readonly is: string

  constructor(is: string) {
    this.is = is
  }
}

/**
 * The fields of a mapping by their names as text. Integers beyond 2^53 lose digits. What occurs twice,
 * also within itself, is one value here too: aliases multiply nothing.
 */
export function plainFields(map: PythonMap): Readonly<Record<string, unknown>> {
  return plain(map, new Map()) as Record<string, unknown>
}

function plain(value: PythonValue, made: Map<PythonValue, unknown>): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value === null || typeof value !== 'object') return value
  const known = made.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const list: unknown[] = []
    made.set(value, list)
    for (const item of value) list.push(plain(item, made))
    return list
  }
  if (!isMap(value)) return new Opaque(value.is)
  // Without a prototype: a field may be named __proto__.
  const fields = Object.create(null) as Record<string, unknown>
  made.set(value, fields)
  for (const { key, value: field } of value.fields.values()) fields[keyText(key)] = plain(field, made)
  return fields
}

/** The name of a field as text, whatever it is. */
export function keyText(key: PythonValue): string {
  return key !== null && typeof key === 'object' ? ('text' in key ? key.text : '') : String(key)
}
