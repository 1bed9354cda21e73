/**
 * Registry files × edits, judged by another parser than the one that edits: each edit changes the (entry, field) pairs
 * it names and nothing else, or it is refused.
 */
import { isDeepStrictEqual } from 'node:util'
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document } from 'yaml'
import { AppError } from '../../src/kernel/errors.ts'
import {
  settable,
  type ClaimEdit,
  type ClaimFields,
  type RegistryClaim,
  type Settable,
} from '../../src/registries/claims/file/claim.ts'
import { readRegistryFile, type RegistryFile } from '../../src/registries/claims/file/registry-file.ts'
import { awkwardTexts, makeFile, rollDice, type Dice, type MadeFile } from './claims-files.ts'

export interface FuzzReport {
  readonly files: number
  /** Files that were changed, and how many fields and entries. */
  readonly edited: number
  readonly changes: number
  /** Of the files that are not damaged: those that were not taken, and edits of them that were refused. */
  readonly notRead: number
  readonly refused: number
  /** Damaged ones that the judge cannot read either way. */
  readonly unjudged: number
  readonly wrong: readonly string[]
}

type Fate = 'not read' | 'refused' | 'same' | 'edited' | 'unjudged'

/** About 1 ms a file. */
export function fuzzRegistryFiles({ count, seed }: { readonly count: number; readonly seed: number }): FuzzReport {
  const fates = { 'not read': 0, 'refused': 0, 'same': 0, 'edited': 0, 'unjudged': 0 } satisfies Record<Fate, number>
  const wrong: string[] = []
  let changes = 0
  for (let n = 0; n < count; n++) {
    const dice = rollDice(seed * 1_000_003 + n)
    const made = makeFile(dice)
    try {
      const { fate, edits } = tryOne(made, dice)
      if (!made.damaged || fate === 'edited' || fate === 'unjudged') fates[fate]++
      if (fate === 'edited') changes += edits
    } catch (thrown) {
      if (wrong.length < 20) wrong.push(`seed ${seed}, file ${n}: ${(thrown as Error).message}`)
    }
  }
  const { edited, refused, unjudged } = fates
  return { files: count, edited, changes, notRead: fates['not read'], refused, unjudged, wrong }
}

function tryOne(made: MadeFile, dice: Dice): { readonly fate: Fate; readonly edits: number } {
  const before = Buffer.from(made.text)
  let file: RegistryFile
  try {
    file = readRegistryFile(before)
  } catch (thrown) {
    return { fate: refusal(thrown, 'not read'), edits: 0 }
  }
  const edits = editsOf(file, dice)
  let after: Buffer
  try {
    after = file.edit(edits)
  } catch (thrown) {
    return { fate: refusal(thrown, 'refused'), edits: 0 }
  }
  if (after.equals(before)) {
    const idle = edits.every((edit) => 'set' in edit && 'claim' in edit && says(edit.claim, edit.set))
    if (!idle) throw new Error('nothing was changed')
    return { fate: 'same', edits: 0 }
  }
  const edited = after.toString()
  keepsForm(made, edited, edits)
  const fate = judge(made, edited, file.claims, edits)
  return { fate, edits: edits.reduce((sum, edit) => sum + ('set' in edit ? Object.keys(edit.set).length : 1), 0) }
}

function refusal<T extends Fate>(thrown: unknown, fate: T): T {
  if (thrown instanceof AppError && thrown.code === 'source.invalid') return fate
  throw thrown
}

const says = (claim: RegistryClaim, set: ClaimFields) =>
  Object.entries(set).every(([name, text]) => claim[name as keyof ClaimFields] === text.toWellFormed())

function editsOf({ claims }: RegistryFile, dice: Dice): ClaimEdit[] {
  const edits: ClaimEdit[] = []
  for (const claim of dice.some(claims, 0.5)) {
    const remove = dice.chance(0.15)
    // Locked ones are refused; that is tried, too, and seldom, because it takes the other edits with it.
    if (claim.locked[remove ? 'remove' : 'set'] !== null && dice.chance(0.98)) continue
    if (remove) edits.push({ claim, remove })
    else {
      const set = dice.some(settable, 0.7).map((name) => [name, dice.one(awkwardTexts)])
      edits.push({ claim, set: Object.fromEntries(set) as ClaimFields })
    }
  }
  return edits
}

/** Byte-order mark, line breaks, comments, and whether the last line ends. */
function keepsForm({ text, comments, damaged }: MadeFile, after: string, edits: readonly ClaimEdit[]): void {
  if (text.startsWith('\ufeff') !== after.startsWith('\ufeff')) throw new Error('the byte-order mark changed')
  if (damaged) return
  const removes = edits.some((edit) => 'remove' in edit)
  const bare = /(?<!\r)\n/
  if (text.includes('\r\n') && !bare.test(text) && bare.test(after)) throw new Error('a line break changed')
  if (!removes && text.endsWith('\n') !== after.endsWith('\n')) throw new Error('the end of the last line changed')
  const kept = removes ? comments : (text.match(/#[ \t]?c\d+: "/g) ?? [])
  let from = 0
  for (const comment of kept) {
    const at = after.indexOf(comment, from)
    if (at < 0) throw new Error(`the comment ${comment} is gone, or has moved`)
    from = at + comment.length
  }
}

/** Both texts as the other parser sees them, with YAML 1.1: what is not text there is told apart from text. */
function judge(
  { text, damaged }: MadeFile,
  after: string,
  claims: readonly RegistryClaim[],
  edits: readonly ClaimEdit[],
): Fate {
  const [wanted, now] = [seenIn(text), seenIn(after)]
  if (wanted === null && damaged) return 'unjudged'
  if (wanted === null) throw new Error('the judge cannot read what was generated')
  if (now === null) throw new Error('the judge cannot read what was written')
  const places = entriesOf(wanted)
  if (places.length !== claims.length && damaged) return 'unjudged'
  if (places.length !== claims.length) throw new Error(`the judge sees ${places.length} entries, not ${claims.length}`)
  for (const edit of edits) {
    if (!('claim' in edit)) continue
    const { list, entry } = places[claims.indexOf(edit.claim)]!
    if ('remove' in edit) list.items.splice(list.items.indexOf(entry), 1)
    else for (const [name, said] of Object.entries(edit.set)) setField(entry, name, edit.claim, said.toWellFormed())
  }
  if (isDeepStrictEqual(wanted.map(inOrder), now.map(inOrder))) return 'edited'
  throw new Error(
    `more or less was changed than was meant in ${JSON.stringify(text)}, which became ${JSON.stringify(after)}`,
  )
}

type Seen = string | { readonly other: string } | SeenList | SeenMap
interface SeenList {
  readonly items: Seen[]
}
interface SeenMap {
  readonly pairs: [Seen, Seen][]
}

/** One per document, nothing shared between them; null: it cannot be read. */
function seenIn(text: string): Seen[] | null {
  const options = { version: '1.1', uniqueKeys: false, logLevel: 'silent' } as const
  const documents = parseAllDocuments(text, options) as Document[]
  if (documents.some(({ errors }) => errors.length > 0)) return null
  return documents.map((document) => seen(document.contents, document, new Set()))
}

function seen(node: unknown, document: Document, within: ReadonlySet<unknown>): Seen {
  if (isAlias(node)) {
    const to = node.resolve(document)
    return to === undefined || within.has(to) ? { other: `*${node.source}` } : seen(to, document, within)
  }
  const inside = new Set(within).add(node)
  if (isSeq(node)) return { items: node.items.map((item) => seen(item, document, inside)) }
  if (isMap(node)) {
    return { pairs: node.items.map(({ key, value }) => [seen(key, document, inside), seen(value, document, inside)]) }
  }
  if (!isScalar(node)) return { other: '' }
  return typeof node.value === 'string' ? node.value : { other: node.source ?? '' }
}

/** Of the first document that is a registry, in the order of the file. */
function entriesOf(documents: readonly Seen[]): { readonly list: SeenList; readonly entry: SeenMap }[] {
  const root = documents.find((document) => isMapSeen(document))
  if (root === undefined) return []
  const registry = root.pairs.some(([key, value]) => key === 'kind' && typeof value === 'string')
  const lists = root.pairs.flatMap(([key, value]) =>
    isListSeen(value) && (!registry || key === 'claims') ? [value] : [],
  )
  return lists.flatMap((list) => list.items.filter(isMapSeen).map((entry) => ({ list, entry })))
}

const isMapSeen = (it: Seen): it is SeenMap => typeof it === 'object' && 'pairs' in it
const isListSeen = (it: Seen): it is SeenList => typeof it === 'object' && 'items' in it

function setField({ pairs }: SeenMap, name: string, claim: RegistryClaim, text: string): void {
  const pair = pairs.find(([key]) => key === name)
  // What it says already is left as it is written, be it text or not.
  if (pair && claim[name as keyof ClaimFields] === text) return
  if (pair) pair[1] = text
  else pairs.push([name, text])
}

/** New fields may stand anywhere in their entry, all else in its order. */
function inOrder(it: Seen): Seen {
  if (isListSeen(it)) return { items: it.items.map(inOrder) }
  if (!isMapSeen(it)) return it
  const pairs = it.pairs.map(([key, value]): [Seen, Seen] => [inOrder(key), inOrder(value)])
  const rank = ([key]: [Seen, Seen]) => settable.indexOf(key as Settable)
  return { pairs: pairs.toSorted((a, b) => rank(a) - rank(b)) }
}
