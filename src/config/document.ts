import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml'
import type { Path } from './problem.ts'

export interface Place {
  /** Both from 1. */
  readonly line: number
  readonly column: number
}

/** The config file as plain values, with the place of each in the text. */
export interface ConfigDocument {
  /** null for an empty file. */
  readonly value: unknown
  /** Where the value stands; where it does not exist, its nearest container. Null: nowhere (an empty file). */
  place(path: Path): Place | null
  /** Where its name stands. */
  keyPlace(path: Path): Place | null
  readonly faults: readonly Fault[]
  /** The text is no YAML: `value` is null and the faults say why. */
  readonly broken: boolean
}

export interface Fault {
  readonly path: Path
  readonly place: Place
  readonly what: string
  readonly hint: string | null
}

/** Anchors make a small text large; no configuration needs more values than this. */
const mostValues = 100_000

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter()
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const broken = (...faults: Omit<Fault, 'path'>[]): ConfigDocument => ({
    value: null,
    place: () => null,
    keyPlace: () => null,
    faults: faults.map((fault) => ({ path: [], ...fault })),
    broken: true,
  })
  const parsed = parse(text, lines)
  if (parsed === null) return broken({ place: placeOf(0), what: 'cannot be read: it nests too deep', hint: null })
  const errors = [...parsed.errors, ...parsed.warnings]
  if (errors.length > 0) {
    const faults = errors.map((error) => ({ place: placeOf(error.pos[0]), ...explainYaml(error) }))
    // The first fault of a line causes the others on it.
    return broken(...faults.filter((fault, i) => fault.place.line !== faults[i - 1]?.place.line))
  }
  const { value, count, values, keys, faults } = readValues(parsed, placeOf)
  if (count > mostValues) {
    const what = `holds more than ${mostValues} values once its anchors are written out`
    return broken({ place: placeOf(0), what, hint: null })
  }
  return {
    value,
    place: (path) => near(values, path),
    keyPlace: (path) => keys.get(id(path)) ?? near(values, path),
    faults,
    broken: false,
  }
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed | null {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false })
  } catch {
    // The parser recurses: thousands of nested brackets end its stack.
    return null
  }
}

/** Plain values of the nodes, and the places of values and names by path. */
function readValues(document: Document.Parsed, placeOf: (offset: number) => Place) {
  const values = new Map<string, Place>()
  const keys = new Map<string, Place>()
  const faults: Fault[] = []
  const open = new Set<Node>()
  let count = 0

  function read(node: Node | null, path: Path): unknown {
    const offset = node?.range?.[0]
    if (offset !== undefined && !values.has(id(path))) values.set(id(path), placeOf(offset))
    if (++count > mostValues) return null
    if (isAlias(node)) return readAlias(node.resolve(document) ?? null, path)
    if (isScalar(node) || node === null) return node?.value ?? null
    open.add(node)
    const value = isSeq(node)
      ? node.items.map((item, index) => read(item as Node | null, [...path, index]))
      : readMap(isMap(node) ? node.items : [], path)
    open.delete(node)
    return value
  }

  function readAlias(node: Node | null, path: Path): unknown {
    if (node !== null && !open.has(node)) return read(node, path)
    const [what, hint] =
      node === null
        ? ['refers to an anchor that does not exist', 'put text that starts with * in quotes']
        : ['contains itself', 'write the value out']
    faults.push({ path, place: near(values, path)!, what, hint })
    return null
  }

  function readMap(pairs: readonly { key: unknown; value: unknown }[], path: Path): Record<string, unknown> {
    const fields: Record<string, unknown> = {}
    for (const { key, value } of pairs) {
      const name = plainName(key)
      const place = placeOf((key as Node | null)?.range?.[0] ?? 0)
      if (name === null) {
        faults.push({ path, place, what: 'has a name that is no plain text', hint: 'use letters, digits, - and _' })
        continue
      }
      const at = [...path, name]
      if (Object.hasOwn(fields, name)) {
        const what = `is given twice, first on line ${keys.get(id(at))?.line}`
        faults.push({ path: at, place, what, hint: 'keep one of the two' })
        continue
      }
      keys.set(id(at), place)
      fields[name] = read((value ?? null) as Node | null, at)
    }
    return fields
  }

  const value = read(document.contents, [])
  return { value, count, values, keys, faults }
}

/** Null: no text, number or true/false; or a name with which objects of JavaScript would be changed. */
function plainName(key: unknown): string | null {
  const value: unknown = isScalar(key) ? key.value : null
  const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return plain && value !== '__proto__' ? String(value) : null
}

function id(path: Path): string {
  return JSON.stringify(path)
}

function near(places: ReadonlyMap<string, Place>, path: Path): Place | null {
  for (let length = path.length; length >= 0; length--) {
    const place = places.get(id(path.slice(0, length)))
    if (place !== undefined) return place
  }
  return null
}

/** Own words: the parser's messages may quote the text, and the text may hold a secret. */
function explainYaml(error: YAMLError): { what: string; hint: string | null } {
  const known = yamlFaults[error.code]
  return known ?? { what: 'is not valid YAML here', hint: null }
}

const yamlFaults: { readonly [code in YAMLError['code']]?: { what: string; hint: string | null } } = {
  BAD_ALIAS: { what: 'refers to an anchor that does not exist', hint: 'put text that starts with * in quotes' },
  BAD_DQ_ESCAPE: { what: 'has an unknown escape in double quotes', hint: 'use single quotes, or write \\\\' },
  BAD_INDENT: { what: 'is not indented like what it belongs to', hint: 'line it up with its neighbours' },
  BAD_SCALAR_START: { what: 'starts with a character that YAML keeps for itself', hint: 'put the text in quotes' },
  BLOCK_AS_IMPLICIT_KEY: { what: 'has a second ": " on one line', hint: 'put the text in quotes' },
  BLOCK_IN_FLOW: { what: 'mixes lines with [ ] or { }', hint: 'close the bracket first' },
  MISSING_CHAR: {
    what: 'lacks a closing quote, a comma, a ":" or a space',
    hint: 'inside [ ] and { }, put ${…} in quotes',
  },
  MULTILINE_IMPLICIT_KEY: { what: 'is a name without a ":" after it', hint: 'write "name: value"' },
  MULTIPLE_DOCS: { what: 'holds a second document', hint: 'remove the --- line' },
  TAB_AS_INDENT: { what: 'is indented with a tab', hint: 'indent with spaces' },
  TAG_RESOLVE_FAILED: { what: 'has a tag that is not known', hint: 'put text that starts with ! in quotes' },
}
