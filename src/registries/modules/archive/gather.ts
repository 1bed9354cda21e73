/** From the layers of an image to the files it stands for. */
import type { Descriptor } from '../../../connectors/oci/store.ts'
import { AppError } from '../../../kernel/errors.ts'
import { withNames, type Filter, type Ships } from './filter.ts'
import type { Limits } from './limits.ts'
import { resolve, type Content, type Why } from './resolve.ts'
import type { BlobOf, Slices } from './slices.ts'
import type { Slice } from './slice.ts'
import { growTree, type Node } from './tree.ts'

export interface Gathering {
  /** The lowest first. */
  readonly layers: readonly Descriptor[]
  readonly blob: BlobOf
  readonly filter: Filter
  /** Files beside those that the filter keeps. */
  readonly names: ReadonlySet<string>
  /** Which of what is kept is wanted. */
  readonly ships: Ships
}

export interface LeftOut {
  readonly path: string
  readonly why: Why
}

/** Valid until it is disposed of: its contents are in open files. */
export interface Gathered extends AsyncDisposable {
  /** Sorted by path. */
  readonly files: readonly (readonly [path: string, content: Content])[]
  /** Bytes of layers that were fetched. */
  readonly fetched: number
  readonly leftOut: { readonly count: number; readonly examples: readonly LeftOut[] }
}

export interface GatherParts {
  readonly slices: Slices
  readonly limits: Limits
}

/**
 * A link may lead to a file that no slice holds, as it is no documentation. Its layers are then read once more, for
 * these files too, and again where that brings up links that lead on. Seldom: seven hops out of the documentation.
 */
const mostReadings = 8
/** Links that lead out of the documentation; more are left out. */
const mostNames = 1000
const mostExamples = 20

export async function gather(
  asked: Gathering,
  { slices, limits }: GatherParts,
  signal: AbortSignal,
): Promise<Gathered> {
  const { layers, ships } = asked
  if (layers.length > limits.layers) {
    throw new AppError('source.invalid', `the image has more than ${limits.layers} layers`)
  }
  let fetched = 0
  let { names } = asked
  for (let readings = 1; ; readings++) {
    const filter = withNames(asked.filter, names)
    const taken = await takeAll(asked, filter, slices, signal)
    fetched += taken.fetched
    const gathered = await settle(taken.slices, filter, ships, limits).catch(async (thrown: unknown) => {
      await close(taken.slices)
      throw thrown
    })
    const more = new Set([...names, ...gathered.unknown].slice(0, mostNames))
    if (readings === mostReadings || more.size === names.size) {
      return { ...gathered, fetched, [Symbol.asyncDispose]: () => close(taken.slices) }
    }
    await close(taken.slices)
    names = more
  }
}

async function takeAll({ layers, blob }: Gathering, filter: Filter, slices: Slices, signal: AbortSignal) {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const takes = layers.map(async (layer) => {
    try {
      return await slices.take(layer, filter, blob, either)
    } catch (thrown) {
      // The first that fails says why; the others need not go on.
      failed.abort(thrown)
      throw thrown
    }
  })
  const settled = await Promise.allSettled(takes)
  const taken = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (taken.length < layers.length) {
    await close(taken.map(({ slice }) => slice))
    throw signal.aborted ? signal.reason : failed.signal.reason
  }
  return { slices: taken.map(({ slice }) => slice), fetched: taken.reduce((sum, one) => sum + one.fetched, 0) }
}

async function close(slices: readonly Slice[]): Promise<void> {
  await Promise.all(slices.map(({ handle }) => handle.close()))
}

async function settle(slices: readonly Slice[], filter: Filter, ships: Ships, limits: Limits) {
  const tree = await growTree(slices, filter)
  const files: [string, Content][] = []
  const left: LeftOut[] = []
  const unknown = new Set<string>()
  let size = 0
  for (const path of leavesOf(tree.root, '')) {
    if (!ships(path)) continue
    const found = resolve(tree, path)
    if (found.is === 'file') {
      files.push([path, found.content])
      size += found.content.size
      continue
    }
    if (found.is === 'unknown') unknown.add(found.path)
    left.push({ path, why: found.is === 'unknown' ? 'dangling-link' : found.why })
  }
  if (files.length > limits.files) throw tooMuch(`${limits.files} files`)
  if (size > limits.kept) throw tooMuch(`${limits.kept} bytes`)
  const count = left.length + slices.reduce((sum, { unfit }) => sum + unfit, 0)
  return { files: files.toSorted(byPath), unknown, leftOut: { count, examples: left.slice(0, mostExamples) } }
}

const tooMuch = (limit: string) => new AppError('source.invalid', `the documentation has more than ${limit}`)

/** By code units: the same everywhere, and a folder before what is in it. */
const byPath = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)

function* leavesOf(node: Node, path: string): Generator<string> {
  if (node.leaf !== null) yield path
  for (const [name, child] of node.children) yield* leavesOf(child, path === '' ? name : `${path}/${name}`)
}
