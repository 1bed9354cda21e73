/** Reads manifests and says everything that is wrong with them, by themselves and between each other. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { AppError } from '../../../kernel/errors.ts'
import type { GraphNode } from '../catalogue/graph.ts'
import { listNames, namePattern, readManifestFileNow } from '../manifest-files.ts'
import {
  capabilityOf,
  decodeManifest,
  parseManifest,
  type ManifestRules,
  type ParsedManifest,
} from '../manifest/manifest.ts'
import { ManifestError } from '../manifest/problem.ts'
import type { FilePlace, ManifestFinding, Place } from './finding.ts'
import { judgeGraph } from './graph-rules.ts'
import { judgeManifest, judgeProblem } from './manifest-rules.ts'
import { placeInMessage, placesOf, type Path, type Places } from './place.ts'
import { relationsOf, type PlacedEdge } from './relations.ts'
import { ruleTable, type Profile } from './rules.ts'
import { createShapeCheck, type Misshape, type ShapeCheck } from './shape.ts'

/** Manifests that may depend on each other: those of one folder. */
export interface Group {
  readonly folder: string
  /** Of file names in the folder. */
  readonly glob: string
  readonly rules: ManifestRules
  /** Names of the files that findings are wanted of; null: all. The others are read, so that dependencies are found. */
  readonly asked: ReadonlySet<string> | null
}

export interface Checked {
  /** Files that findings were wanted of. */
  readonly manifests: number
  /** In the order of files and lines. */
  readonly findings: readonly ManifestFinding[]
  /** Folders that could not be read. */
  readonly unavailable: readonly { readonly folder: string; readonly detail: string }[]
}

/** What is left of one manifest once it was judged by itself: thousands of parsed ones would keep memory busy. */
interface Reading {
  readonly file: string
  readonly asked: boolean
  /** What could be told of it; null: it cannot be synced. */
  readonly node: GraphNode | null
  readonly edges: readonly PlacedEdge[]
  readonly error: ManifestError | null
  readonly misshapes: readonly Misshape[]
  /** Where things are in it; costs at the first call. */
  readonly places: () => Places
}

/** A path is a manifest, or a folder of them; whether it is there at all shows when it is read. */
export async function groupsOf(paths: readonly string[], glob: string, rules: ManifestRules): Promise<Group[]> {
  const folders = new Map<string, Set<string> | null>()
  for (const path of paths) {
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    const folder = isFile ? dirname(path) : path
    const names = folders.get(folder)
    if (!isFile) folders.set(folder, null)
    else if (names !== null) folders.set(folder, (names ?? new Set()).add(basename(path)))
  }
  return [...folders].map(([folder, asked]) => ({ folder, glob, rules, asked }))
}

/**
 * All groups together: what one folder requires, another may have; its own comes first. Identifiers may
 * repeat across folders. Blocks for 100 µs a manifest, but for a breath now and then.
 */
export async function checkManifests(
  groups: readonly Group[],
  profile: Profile,
  signal: AbortSignal,
): Promise<Checked> {
  const shapeOf = createShapeCheck(profile)
  const read: Reading[][] = []
  const unavailable: { folder: string; detail: string }[] = []
  for (const group of groups) {
    try {
      read.push(await readGroup(group, shapeOf, signal))
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== 'source.unavailable') throw thrown
      unavailable.push({ folder: group.folder, detail: thrown.detail })
    }
  }
  const all = read.flat()
  const asked = all.filter((reading) => reading.asked)
  const found: (ManifestFinding | null)[] = []
  for (const reading of asked) {
    for (const misshape of reading.misshapes) found.push(findingOf(reading, misshape, profile))
  }
  for (const readings of read) {
    found.push(...duplicatesIn(readings, profile), ...betweenManifests(readings, all, profile))
  }
  const inOrder = (a: ManifestFinding, b: ManifestFinding) =>
    compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.rule, b.rule)
  return { manifests: asked.length, findings: found.filter((one) => one !== null).toSorted(inOrder), unavailable }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function readGroup(group: Group, shapeOf: ShapeCheck, signal: AbortSignal): Promise<Reading[]> {
  const { folder, glob, asked } = group
  const names = new Set([...(await listNames(folder, namePattern(glob))), ...(asked ?? [])])
  const read: Reading[] = []
  for (const name of names) {
    // Often enough for Ctrl-C.
    if (read.length % 256 === 0) await setImmediate()
    signal.throwIfAborted()
    read.push(readOne(group, name, shapeOf))
  }
  return read
}

function readOne({ folder, asked, rules }: Group, name: string, shapeOf: ShapeCheck): Reading {
  const file = join(folder, name)
  const base = { file, asked: asked === null || asked.has(name) }
  let text: string | null = null
  let parsed: ParsedManifest | null = null
  try {
    text = decodeManifest(readManifestFileNow(folder, name))
    parsed = parseManifest(text, file)
    const { id, type, version } = capabilityOf(parsed, rules)
    const edges = relationsOf(id, parsed)
    const node = { id, type, version }
    const misshapes = base.asked ? judgeManifest(parsed, node, edges, name, shapeOf) : []
    return { ...base, node, edges, misshapes, error: null, places: lazily(text) }
  } catch (thrown) {
    if (!(thrown instanceof ManifestError)) throw thrown
    const misshapes = [judgeProblem(thrown, parsed)]
    return { ...base, node: null, edges: [], misshapes, error: thrown, places: lazily(text) }
  }
}

function lazily(text: string | null): () => Places {
  let places: Places | null = null
  return () => (places ??= placesOf(text ?? ''))
}

function findingOf(
  reading: Reading,
  { rule, path, what, next }: Misshape,
  profile: Profile,
  related: readonly FilePlace[] = [],
): ManifestFinding | null {
  const level = ruleTable[rule].levels[profile]
  if (level === 'off') return null
  const place: Place = (reading.error && placeInMessage(reading.error.message)) ?? reading.places().of(path)
  const id = reading.node?.id ?? reading.error?.identifier ?? null
  return {
    rule,
    level,
    id,
    file: reading.file,
    ...place,
    what,
    next,
    related,
    about: `${id ?? ''} ${path.join('/')} ${what}`,
  }
}

function placeIn(reading: Reading, path: Path): FilePlace {
  return { file: reading.file, ...reading.places().of(path) }
}

function* duplicatesIn(readings: readonly Reading[], profile: Profile): Generator<ManifestFinding | null> {
  const path = ['metadata', 'dc_identifier']
  for (const [id, sharers] of Map.groupBy(readings, ({ node }) => node?.id)) {
    if (id === undefined || sharers.length < 2) continue
    for (const reading of sharers.filter(({ asked }) => asked)) {
      const others = sharers.filter((other) => other !== reading)
      const what = `${id} is also in ${others.map(({ file }) => file).join(', ')}`
      const next = 'give one of them another identifier, or remove it'
      const misshape: Misshape = { rule: 'capability/duplicate-identifier', path, what, next }
      yield findingOf(
        reading,
        misshape,
        profile,
        others.map((other) => placeIn(other, path)),
      )
    }
  }
}

function* betweenManifests(
  own: readonly Reading[],
  all: readonly Reading[],
  profile: Profile,
): Generator<ManifestFinding | null> {
  const nodes = new Map<string, GraphNode>()
  const byId = new Map<string, Reading>()
  const edges: PlacedEdge[] = []
  const ours = new Set(own)
  for (const reading of [...own, ...all]) {
    const { node } = reading
    if (!node || byId.has(node.id)) continue
    byId.set(node.id, reading)
    nodes.set(node.id, node)
    if (ours.has(reading)) edges.push(...reading.edges)
  }
  for (const { rule, edge, others, what, next } of judgeGraph({ nodes, edges })) {
    const along = [edge, ...others]
    const shown = along.find(({ from }) => byId.get(from)!.asked)
    if (!shown) continue
    const related = along.filter((one) => one !== shown).map((one) => placeIn(byId.get(one.from)!, one.path))
    const field = rule === 'capability/unmet-constraint' || rule === 'capability/invalid-constraint' ? ['version'] : []
    yield findingOf(byId.get(shown.from)!, { rule, path: [...shown.path, ...field], what, next }, profile, related)
  }
}
