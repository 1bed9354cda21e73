/** Pages of lists. A cursor is opaque to callers and only good for the query that it came from. */
import { z } from 'zod'
import { sha256 } from './digest.ts'
import { AppError } from './errors.ts'

export const mostPerPage = 1000

/** Query parameters of every list. */
export const pageQuery = {
  limit: z.int().min(1).max(mostPerPage).default(100).meta({ description: 'Most rows in one answer' }),
  cursor: z.string().max(4096).optional().meta({ description: 'From `next` of the page before' }),
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Path of the next page; null on the last one' }),
  })
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

type Position = readonly (string | number)[]
export type Asked = Readonly<Record<string, unknown>> & { readonly limit: number; readonly cursor?: string | undefined }

/** Where the page begins; null at the beginning. Throws `request.invalid` for a cursor of another query. */
export function positionOf(path: string, asked: Asked): Position | null {
  if (asked.cursor === undefined) return null
  const position = decode(asked.cursor, bindingOf(path, asked))
  if (position !== null) return position
  const error = { in: 'query', pointer: '/cursor', detail: 'is not of this query' }
  throw new AppError('request.invalid', 'query/cursor is not of this query; begin without one.', {
    data: { errors: [error] },
  })
}

export function cursorOf(path: string, asked: Asked, position: Position): string {
  return Buffer.from(JSON.stringify([bindingOf(path, asked), ...position])).toString('base64url')
}

export function nextLink(path: string, asked: Asked, position: Position): string {
  const cursor = cursorOf(path, asked, position)
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...asked, cursor })) {
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one))
  }
  return `${path}?${query.toString()}`
}

/** The limit may change from page to page, the rest of the query must not. */
function bindingOf(path: string, { limit: _limit, cursor: _cursor, ...rest }: Asked): string {
  const named = Object.entries(rest).filter(([, value]) => value !== undefined)
  return sha256(JSON.stringify([path, named.toSorted(([a], [b]) => (a < b ? -1 : 1))])).slice(0, 16)
}

function decode(cursor: string, binding: string): Position | null {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (!Array.isArray(read) || read[0] !== binding) return null
    const position = read.slice(1) as unknown[]
    return position.every((one) => typeof one === 'string' || Number.isFinite(one)) ? (position as Position) : null
  } catch {
    return null
  }
}
