/**
 * Reads a manifest as PyYAML's safe_load does. js-yaml finds the structure; tags, scalars, merge keys
 * and mappings are built here, because no JavaScript library keeps apart what Python keeps apart.
 *
 * Known differences, all in what is a syntax error at all: js-yaml follows YAML 1.2 in a few corners
 * (U+0085, U+2028 and U+2029 are no line breaks; "key:value" inside [ ] and { }).
 */
import {
  getScalarValue,
  parseEvents,
  EVENT_ID,
  SCALAR_STYLE,
  YAMLException,
  type DocumentEvent,
  type Event,
  type ScalarEvent,
} from 'js-yaml'
import { ManifestError } from './problem.ts'
import { emptyMap, setField, type PythonValue } from './python-value.ts'
import { plainTag, scalarValue, tags } from './yaml-scalar.ts'

interface NodeBase {
  readonly tag: string
  /** Offset in the text, for messages. */
  readonly at: number
}
interface ScalarNode extends NodeBase {
  readonly is: 'scalar'
  readonly text: string
}
interface ListNode extends NodeBase {
  readonly is: 'list'
  readonly items: Node[]
}
interface MapNode extends NodeBase {
  readonly is: 'map'
  /** Merge keys are replaced by what they merge when the node is built. */
  pairs: [Node, Node][]
  merged: 'no' | 'now' | 'yes'
}
export type Node = ScalarNode | ListNode | MapNode

/** Deeper nesting than any manifest; far below where recursion ends. */
const deepest = 100
/** Merge keys multiply: ten lines can make billions. */
const mostMerged = 10_000

/** Throws ManifestError: `syntax` where PyYAML raises YAMLError, `content` where Python raises something else. */
export function readYaml(text: string, path: string): PythonValue {
  return reading(text, path, (root) => (root === null ? null : build(root)))
}

/** The nodes of a text; their offsets are in `source`, see `lineOf`. Throws like readYaml. */
export function readNodes(text: string, path: string): { readonly root: Node | null; readonly source: string } {
  return reading(text, path, (root, source) => ({ root, source }))
}

function reading<T>(text: string, path: string, use: (root: Node | null, source: string) => T): T {
  let source = text
  for (let attempt = 0; ; attempt++) {
    try {
      const events = parseEvents(source, { maxDepth: deepest })
      refuseTabs(source, events)
      return use(compose(events, source), source)
    } catch (thrown) {
      if (thrown instanceof PlacedError) {
        throw new ManifestError('syntax', placed(thrown.message, source, thrown.at, path))
      }
      if (!(thrown instanceof YAMLException)) throw thrown
      const at = thrown.mark?.position ?? 0
      const indented = attempt < mostIndented && thrown.reason === 'deficient indentation' ? indent(source, at) : null
      if (indented === null) throw new ManifestError('syntax', placed(thrown.reason, source, at, path))
      source = indented
    }
  }
}

const mostIndented = 50
const moreBlanks = ' '.repeat(2 * deepest)

/**
 * PyYAML does not care how far the lines within quotes and brackets are indented, js-yaml does. The
 * blanks before such a line mean nothing, so more of them are put there. null: the line ends a document.
 */
function indent(text: string, at: number): string | null {
  if (/^(?:---|\.\.\.)(?:\s|$)/.test(text.slice(at, at + 4))) return null
  return text.slice(0, at) + moreBlanks + text.slice(at)
}

class PlacedError extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

function placed(message: string, text: string, at: number, path: string): string {
  const { line, column } = lineOf(text, at)
  return `${message}\n  in "${path}", line ${line}, column ${column}`
}

/** Both from 1. Blanks of ours are not in the file. */
export function lineOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: before.slice(start).replace(moreBlanks, '').length + 1 }
}

/** PyYAML takes tabs only inside quotes, block scalars and comments; YAML 1.2 also between tokens. */
function refuseTabs(text: string, events: readonly Event[]): void {
  if (!text.includes('\t')) return
  const inside = events
    .filter((event) => event.type === EVENT_ID.SCALAR)
    .filter(({ style }) => style !== SCALAR_STYLE.PLAIN)
    .map(({ valueStart, valueEnd }) => [valueStart, valueEnd] as const)
  const within = (at: number) => inside.some(([start, end]) => at >= start && at < end)
  for (let at = text.indexOf('\t'); at >= 0; at = text.indexOf('\t', at + 1)) {
    if (within(at)) continue
    const line = text.lastIndexOf('\n', at) + 1
    const hash = [...text.slice(line, at).matchAll(/(?<![^ \t])#/g)].find(({ index }) => !within(line + index))
    if (!hash) throw new PlacedError("found character '\\t' that cannot start any token", at)
    // The rest of the line is comment.
    at = Math.max(at, text.indexOf('\n', at) - 1)
  }
}

/** Events → the node graph; an alias is the node itself once more. null: an empty text. */
function compose(events: readonly Event[], source: string): Node | null {
  const anchors = new Map<string, Node>()
  let directives: DocumentEvent['directives'] = []
  let next = 0
  let root: Node | null = null
  let documents = 0

  function read(): Node {
    const event = events[next++]!
    switch (event.type) {
      case EVENT_ID.SCALAR: {
        const content = getScalarValue(source, event)
        const node: Node = { is: 'scalar', tag: tagOf(event, content), text: content, at: startOf(event) }
        remember(event, node)
        return node
      }
      case EVENT_ID.SEQUENCE: {
        const node: ListNode = { is: 'list', tag: tagOf(event), items: [], at: event.start }
        remember(event, node)
        while (events[next]!.type !== EVENT_ID.POP) node.items.push(read())
        next++
        return node
      }
      case EVENT_ID.MAPPING: {
        const node: MapNode = { is: 'map', tag: tagOf(event), pairs: [], merged: 'no', at: event.start }
        remember(event, node)
        while (events[next]!.type !== EVENT_ID.POP) node.pairs.push([read(), read()])
        next++
        return node
      }
      case EVENT_ID.ALIAS: {
        const name = nameOf(event)
        const node = anchors.get(name)
        if (!node) throw new PlacedError(`found undefined alias '${name}'`, event.anchorStart)
        return node
      }
      default:
        throw new PlacedError('unexpected end of a node', source.length)
    }
  }

  function remember(event: { anchorStart: number; anchorEnd: number }, node: Node): void {
    if (event.anchorStart < 0) return
    const name = nameOf(event)
    if (anchors.has(name)) throw new PlacedError(`found duplicate anchor '${name}'`, event.anchorStart)
    anchors.set(name, node)
  }

  /** YAML 1.1 has letters, digits, - and _ in names; 1.2 nearly everything. */
  function nameOf({ anchorStart, anchorEnd }: { anchorStart: number; anchorEnd: number }): string {
    const name = source.slice(anchorStart, anchorEnd)
    const odd = /[^0-9A-Za-z_-]/.exec(name)
    if (!odd) return name
    throw new PlacedError(`expected alphabetic or numeric character, but found '${odd[0]}'`, anchorStart + odd.index)
  }

  function tagOf(event: Exclude<Event, { type: 1 | 5 | 6 }>, content?: string): string {
    const raw = event.tagStart < 0 ? '' : source.slice(event.tagStart, event.tagEnd)
    if (raw !== '' && raw !== '!') return fullTag(raw, directives, event.tagStart)
    if (event.type === EVENT_ID.SEQUENCE) return tags.list
    if (event.type === EVENT_ID.MAPPING) return tags.map
    return raw === '!' || event.style === SCALAR_STYLE.PLAIN ? plainTag(content!) : tags.string
  }

  while (next < events.length) {
    const event = events[next++]!
    if (event.type !== EVENT_ID.DOCUMENT) throw new PlacedError('expected a document', 0)
    if (++documents > 1) throw new PlacedError('expected a single document in the stream', source.length)
    directives = event.directives
    if (events[next]!.type !== EVENT_ID.POP) root = read()
    next++
  }
  return root
}

function startOf(event: ScalarEvent): number {
  if (event.anchorStart >= 0) return event.anchorStart
  return Math.max(0, event.tagStart >= 0 ? event.tagStart : event.valueStart)
}

function fullTag(raw: string, directives: DocumentEvent['directives'], at: number): string {
  if (raw.startsWith('!<')) return decode(raw.slice(2, -1))
  const [, handle = '!', suffix = ''] = /^(![0-9A-Za-z_-]*!|!)(.*)$/s.exec(raw) ?? []
  for (const directive of directives) {
    if (directive.kind === 'tag' && directive.handle === handle) return directive.prefix + decode(suffix)
  }
  if (handle === '!!') return `tag:yaml.org,2002:${decode(suffix)}`
  if (handle === '!') return `!${decode(suffix)}`
  throw new PlacedError(`found undefined tag handle '${handle}'`, at)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Nodes → values. A node that occurs twice is one value, so that aliases cost nothing until they are written out. */
function build(root: Node): PythonValue {
  const built = new Map<Node, PythonValue>()
  let merges = 0

  function valueOf(node: Node): PythonValue {
    const known = built.get(node)
    if (known !== undefined) return known
    if (node.is === 'scalar') {
      const value = scalarValue(node.tag, node.text)
      if (value === undefined) throw unknownTag(node)
      built.set(node, value)
      return value
    }
    return node.is === 'list' ? listOf(node) : mapOf(node)
  }

  function listOf(node: ListNode): PythonValue {
    const list: PythonValue[] = []
    built.set(node, list)
    if (node.tag === tags.list) for (const item of node.items) list.push(valueOf(item))
    else if (node.tag === tags.orderedMap || node.tag === tags.pairs)
      for (const item of node.items) list.push(pairOf(item))
    else throw wrongKind(node)
    return list
  }

  function pairOf(node: Node): PythonValue {
    if (node.is !== 'map') throw new PlacedError(`expected a mapping of length 1, but found ${nodeName(node)}`, node.at)
    const [pair, ...more] = node.pairs
    if (pair === undefined || more.length > 0) {
      throw new PlacedError(`expected a single mapping item, but found ${node.pairs.length} items`, node.at)
    }
    return [valueOf(pair[0]), valueOf(pair[1])]
  }

  function mapOf(node: MapNode): PythonValue {
    if (node.tag !== tags.map && node.tag !== tags.set) throw wrongKind(node)
    const map = emptyMap()
    const value: PythonValue = node.tag === tags.map ? map : { is: 'set', text: '' }
    built.set(node, value)
    merge(node)
    for (const [keyNode, valueNode] of node.pairs) {
      const key = valueOf(keyNode)
      if (Array.isArray(key) || (typeof key === 'object' && key !== null && (key.is === 'map' || key.is === 'set'))) {
        throw new PlacedError('found unhashable key', keyNode.at)
      }
      setField(map, key, valueOf(valueNode))
    }
    return value
  }

  /** Puts merged pairs before the node's own: theirs is the place, the own value wins. */
  function merge(node: MapNode): void {
    if (node.merged !== 'no') return
    node.merged = 'now'
    const merged: [Node, Node][] = []
    const own: [Node, Node][] = []
    for (const pair of node.pairs) {
      const [key, value] = pair
      if (key.tag === tags.merge) for (const from of sourcesOf(value)) merged.push(...from)
      else own.push(key.tag === tags.value ? [{ ...(key as ScalarNode), tag: tags.string }, value] : pair)
    }
    node.pairs = merged.length > 0 ? [...merged, ...own] : own
    node.merged = 'yes'
  }

  function sourcesOf(value: Node): [Node, Node][][] {
    if (value.is === 'map') return [pairsOf(value)]
    if (value.is === 'scalar') {
      throw new PlacedError('expected a mapping or list of mappings for merging, but found scalar', value.at)
    }
    // The first in the list wins: it comes last, so that it overwrites.
    return value.items.map(pairsOf).toReversed()
  }

  function pairsOf(node: Node): [Node, Node][] {
    if (node.is !== 'map') throw new PlacedError(`expected a mapping for merging, but found ${nodeName(node)}`, node.at)
    merge(node)
    merges += node.pairs.length + 1
    if (merges > mostMerged) throw new ManifestError('content', `merge keys add more than ${mostMerged} pairs`)
    // Being merged now: it merges itself, which adds nothing but its own pairs.
    return node.merged === 'now' ? node.pairs.filter(([key]) => key.tag !== tags.merge) : node.pairs
  }

  return valueOf(root)
}

function nodeName(node: Node): string {
  return { scalar: 'scalar', list: 'sequence', map: 'mapping' }[node.is]
}

const expected: Readonly<Record<string, string>> = {
  [tags.list]: 'sequence',
  [tags.orderedMap]: 'sequence',
  [tags.pairs]: 'sequence',
  [tags.map]: 'mapping',
  [tags.set]: 'mapping',
}

function wrongKind(node: Node): PlacedError {
  if (scalarTags.has(node.tag)) return new PlacedError(`expected a scalar node, but found ${nodeName(node)}`, node.at)
  return unknownTag(node)
}

function unknownTag(node: Node): PlacedError {
  const kind = expected[node.tag]
  if (kind !== undefined) return new PlacedError(`expected a ${kind} node, but found ${nodeName(node)}`, node.at)
  return new PlacedError(`could not determine a constructor for the tag '${node.tag}'`, node.at)
}

const scalarTags: ReadonlySet<string> = new Set([
  tags.string,
  tags.null,
  tags.bool,
  tags.int,
  tags.float,
  tags.timestamp,
  tags.binary,
])
