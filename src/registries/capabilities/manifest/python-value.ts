/**
 * Values as Python has them after reading a manifest: what JavaScript would merge stays apart (1, 1.0
 * and "1"), and mappings keep the order and the types of their keys.
 */
export type PythonValue =
  | null
  | boolean
  /** int */
  | bigint
  /** float */
  | number
  | string
  | PythonValue[]
  | PythonMap
  | PythonOpaque

export interface PythonMap {
  readonly is: 'map'
  /** By `hashOf` the key, in the order in which keys were first set. */
  readonly fields: Map<string, { readonly key: PythonValue; value: PythonValue }>
}

/** What YAML can say and JSON cannot. */
export interface PythonOpaque {
  readonly is: 'date' | 'datetime' | 'bytes' | 'set'
  /** As a person would write it; tells equal keys. */
  readonly text: string
}

export function emptyMap(): PythonMap {
  return { is: 'map', fields: new Map() }
}

export function isMap(value: PythonValue | undefined): value is PythonMap {
  return typeof value === 'object' && value !== null && 'is' in value && value.is === 'map'
}

/** As `dict[key] = value`: an equal key keeps its place and its first spelling. */
export function setField(map: PythonMap, key: PythonValue, value: PythonValue): void {
  const hash = hashOf(key)
  const found = map.fields.get(hash)
  if (found) found.value = value
  else map.fields.set(hash, { key, value })
}

/** undefined: no such key; a key may hold null. */
export function fieldOf(map: PythonMap, name: string): PythonValue | undefined {
  return map.fields.get(hashOf(name))?.value
}

/** Equal for keys that Python holds equal: 1, 1.0 and true are one key. */
function hashOf(key: PythonValue): string {
  if (typeof key === 'string') return `s${key}`
  if (typeof key === 'boolean') return key ? 'n1' : 'n0'
  if (typeof key === 'number' && Number.isInteger(key)) return `n${BigInt(key)}`
  if (key === null || typeof key === 'number' || typeof key === 'bigint') return `n${key}`
  return 'text' in key ? `${key.is}${key.text}` : 'unhashable'
}

/** The name of the type, as Python's messages have it. */
export function typeName(value: PythonValue): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float'
  if (typeof value === 'string') return 'str'
  if (Array.isArray(value)) return 'list'
  return value.is === 'map' ? 'dict' : value.is
}

/** As `bool(value)`. */
export function isTrue(value: PythonValue): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (isMap(value)) return value.fields.size > 0
  return typeof value === 'object' && value !== null ? true : typeof value === 'number' ? value !== 0 : Boolean(value)
}

/** As `repr(value)` of a float: the shortest digits that read back the same, exponents from 1e+16 and below 1e-04. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const [digits, power] = value.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  if (exponent >= 16 || exponent < -4) {
    const padded = String(Math.abs(exponent)).padStart(2, '0')
    return `${digits}e${exponent < 0 ? '-' : '+'}${padded}`
  }
  const text = value.toFixed(Math.max(0, digits.replace(/^-?\d\.?/, '').length - exponent))
  return text.includes('.') ? text : `${text}.0`
}
