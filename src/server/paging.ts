/** Pages of tables of the ledger. */
import type { Journal, Query, Stored } from '../engine/journal.ts'
import { AppError } from '../kernel/errors.ts'
import { nextLink, positionOf, type Asked, type Page } from '../kernel/page.ts'
import type { Table } from '../kernel/table.ts'

/** One page of a table in the order of its primary key. */
export async function selectPage<R extends object>(
  journal: Journal,
  table: Table<R>,
  query: Pick<Query<R>, 'where' | 'without'>,
  path: string,
  asked: Asked,
): Promise<Page<Stored<R>>> {
  const after = positionOf(path, asked)
  if (after !== null && after.length !== table.key.length) throw new AppError('internal', 'cursor of another length')
  const rows = await journal.select(table, { ...query, limit: asked.limit + 1, ...(after !== null && { after }) })
  const items = rows.slice(0, asked.limit)
  const last = items.at(-1)
  const more = rows.length > asked.limit && last !== undefined
  return {
    items,
    next: more
      ? nextLink(
          path,
          asked,
          table.key.map((column) => last[column] as string),
        )
      : null,
  }
}
