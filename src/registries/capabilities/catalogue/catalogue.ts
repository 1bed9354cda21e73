/**
 * Everything that the sources of this registry say exists, as the API shows it. Kept in memory and brought
 * up to date by position: a request costs one look at the head of the ledger, and rows that moved since.
 */
import type { Journal, Seq, Stored } from '../../../engine/journal.ts'
import { entries, scopes, type EntryRow } from '../../../engine/tables.ts'
import type { Json, JsonObject } from '../../../kernel/json.ts'
import type { Capability } from '../model.ts'
import { parsePythonJson } from '../manifest/python-json-parse.ts'

export interface Dependency {
  readonly capability: string
  readonly relationship: string
  readonly version: string
}

export interface CatalogueItem {
  readonly sync: string
  /** Place of its sync in the configuration: of equal identifiers the first stands for all. */
  readonly order: number
  readonly id: string
  readonly type: string
  readonly version: string
  /** The second part of the identifier; null where it has none. */
  readonly domain: string | null
  readonly title: string | null
  readonly dependencies: readonly Dependency[]
  /** Where it was read, within its source. */
  readonly file: string | null
  readonly note: Json
  readonly seq: Seq
  /** JSON as the stores hold it. */
  readonly metadata: string
  /** Identifier, title and description in lower case. */
  readonly words: string
}

/** One state of the catalogue; the next one is another object, so that what is derived can hang on it. */
export interface CatalogueView {
  /** By identifier, then by `order`. */
  readonly items: readonly CatalogueItem[]
}

export interface Catalogue {
  /** As of the head that it tells. Rejects as the journal does. */
  current(): Promise<{ readonly head: Seq; readonly view: CatalogueView }>
}

const page = 1000

interface Shelf {
  readonly sync: string
  readonly rows: Map<string, Stored<EntryRow>>
  cursor: Seq
}

export function createCatalogue(journal: () => Journal, syncs: readonly string[]): Catalogue {
  const shelves = syncs.map((sync): Shelf => ({ sync, rows: new Map(), cursor: 0 }))
  const made = new WeakMap<Stored<EntryRow>, CatalogueItem>()
  let view: CatalogueView | null = null
  let head: Seq = -1
  let refreshing: Promise<void> | null = null

  async function refresh(): Promise<void> {
    // Read first: what comes between is read again, never missed.
    const { seq } = await journal().head()
    if (view !== null && seq === head) return
    let changed = view === null
    for (const shelf of shelves) changed = (await restock(journal(), shelf)) || changed
    if (changed) view = { items: await itemsOf(journal(), shelves, made) }
    head = seq
  }

  return {
    async current() {
      refreshing ??= refresh().finally(() => (refreshing = null))
      await refreshing
      return { head, view: view! }
    },
  }
}

/** Whether anything changed. */
async function restock(journal: Journal, shelf: Shelf): Promise<boolean> {
  const { sync, rows } = shelf
  const changed = await readOn(journal, shelf)
  // Every row that was ever put was read above. One that was taken out leaves no trace but their number.
  const [tally] = await journal.count(entries, { sync })
  if ((tally?.count ?? 0) === rows.size) return changed
  rows.clear()
  shelf.cursor = 0
  await readOn(journal, shelf)
  return true
}

async function readOn(journal: Journal, shelf: Shelf): Promise<boolean> {
  const { sync, rows } = shelf
  for (let changed = false; ; changed = true) {
    const where = { sync, seq: { above: shelf.cursor } }
    const found = await journal.select(entries, { where, order: ['seq'], limit: page, without: ['stamp', 'ordinal'] })
    for (const row of found) {
      rows.set(`${row.scope}\n${row.key}`, row)
      shelf.cursor = row.seq
    }
    if (found.length < page) return changed || found.length > 0
  }
}

async function itemsOf(
  journal: Journal,
  shelves: readonly Shelf[],
  made: WeakMap<Stored<EntryRow>, CatalogueItem>,
): Promise<CatalogueItem[]> {
  const items: CatalogueItem[] = []
  for (const [order, { sync, rows }] of shelves.entries()) {
    for (const row of await winnersOf(journal, sync, rows.values())) {
      let item = made.get(row)
      if (!item) made.set(row, (item = itemOf(row, order)))
      items.push(item)
    }
  }
  return items.toSorted((a, b) => compareItems(a, b.id, b.order))
}

/** Where an item stands relative to a place in the list, whether or not an item is there. */
export function compareItems(item: CatalogueItem, id: string, order: number): number {
  return item.id < id ? -1 : item.id > id ? 1 : item.order - order
}

/** Of live rows with one key the one whose scope ranks before. */
async function winnersOf(
  journal: Journal,
  sync: string,
  rows: Iterable<Stored<EntryRow>>,
): Promise<Iterable<Stored<EntryRow>>> {
  const winners = new Map<string, Stored<EntryRow>>()
  let ranks: ReadonlyMap<string, number> | null = null
  for (const row of rows) {
    if (row.state !== 'live' || row.item === null) continue
    const other = winners.get(row.key)
    if (other) {
      ranks ??= new Map((await journal.select(scopes, { where: { sync } })).map(({ scope, rank }) => [scope, rank]))
      const before = (ranks.get(other.scope) ?? 0) - (ranks.get(row.scope) ?? 0) || (other.scope < row.scope ? -1 : 1)
      if (before < 0) continue
    }
    winners.set(row.key, row)
  }
  return winners.values()
}

function itemOf({ sync, key, item, origin, note, seq }: Stored<EntryRow>, order: number): CatalogueItem {
  const { type, version, metadata, dependencies } = item as unknown as Capability
  const { dc_title: title, dc_description: description } = metadataOf(metadata)
  const text = (value: Json | undefined) => (typeof value === 'string' ? value : null)
  return {
    sync,
    order,
    id: key,
    type,
    version,
    domain: key.split('.')[1] || null,
    title: text(title),
    dependencies: dependenciesOf(dependencies),
    file: origin,
    note,
    seq,
    metadata,
    words: [key, text(title), text(description)].join('\n').toLowerCase(),
  }
}

/** NaN and infinite numbers, which JSON cannot say, are null. */
export function metadataOf(text: string): JsonObject {
  const value = parsePythonJson(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

function dependenciesOf(text: string): readonly Dependency[] {
  const items = parsePythonJson(text)
  if (!Array.isArray(items)) return []
  return (items as Json[]).flatMap((item) => {
    const { capability, relationship, version } = (item ?? {}) as JsonObject
    if (typeof capability !== 'string') return []
    const or = (value: Json | undefined, otherwise: string) => (typeof value === 'string' ? value : otherwise)
    return [{ capability, relationship: or(relationship, 'prerequisite'), version: or(version, '*') }]
  })
}
