/**
 * Python's `json.dumps(value)` byte for byte, because readers of the keys may compare or hash them:
 * ASCII only, ", " and ": " between things, floats by repr, NaN and Infinity bare.
 */
import { ManifestError } from './problem.ts'
import { floatText, isMap, typeName, type PythonValue } from './python-value.ts'

/** Longer text than this fits no etcd value; aliases can make a small file exceed it by any factor. */
const longest = 1 << 20

/** Throws ManifestError with Python's words for what JSON cannot say. */
export function pythonJson(value: PythonValue): string {
  const parts: string[] = []
  const open = new Set<object>()
  let length = 0

  function add(text: string): void {
    length += text.length
    if (length > longest) throw new ManifestError('value', `JSON text is longer than ${longest} bytes`)
    parts.push(text)
  }

  function within(container: object, fill: () => void): void {
    if (open.has(container)) throw new ManifestError('value', 'Circular reference detected')
    open.add(container)
    fill()
    open.delete(container)
  }

  function write(at: PythonValue): void {
    if (at === null || typeof at !== 'object') return add(scalar(at))
    if (Array.isArray(at)) return within(at, () => list(at))
    if (!isMap(at)) throw new ManifestError('value', `Object of type ${typeName(at)} is not JSON serializable`)
    within(at, () => {
      add('{')
      let first = true
      for (const { key, value: field } of at.fields.values()) {
        add(`${first ? '' : ', '}${name(key)}: `)
        first = false
        write(field)
      }
      add('}')
    })
  }

  function list(items: readonly PythonValue[]): void {
    add('[')
    items.forEach((item, at) => {
      if (at > 0) add(', ')
      write(item)
    })
    add(']')
  }

  write(value)
  return parts.join('')
}

function name(key: PythonValue): string {
  if (typeof key === 'string') return quoted(key)
  if (key !== null && typeof key === 'object') {
    const type = typeName(key)
    const named = type.startsWith('date') ? `datetime.${type}` : type
    throw new ManifestError('value', `keys must be str, int, float, bool or None, not ${named}`)
  }
  return `"${scalar(key)}"`
}

function scalar(value: null | boolean | bigint | number | string): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'number') return String(value)
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  return floatText(value)
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}

/** Code units, not code points: beyond the basic plane Python writes surrogate pairs, and lone ones as they are. */
function quoted(text: string): string {
  const escaped = text.replace(
    /["\\]|[^ -~]/g,
    (unit) => short[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}
