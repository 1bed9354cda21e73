/**
 * Takes a batch apart: a JSON array, `{"heartbeats": […]}`, or one JSON value a line (NDJSON), where a line that cannot
 * be read is the fault of that item alone.
 */
import { AppError } from '../../../kernel/errors.ts'

export const mostItems = 10_000
export const mostBatchBytes = 4 * 1024 * 1024

/** In place of an item of NDJSON that is no JSON. */
export const unreadable: unique symbol = Symbol('unreadable')

/** `contentType` in lower case, without parameters. Throws AppError for what is no batch, or a larger one than anybody needs. */
export function itemsOf(bytes: Buffer, contentType: string): readonly unknown[] {
  const items = linesTypes.has(contentType) ? linesOf(bytes) : listOf(parseJson(bytes))
  if (items.length > mostItems)
    throw new AppError('request.too-large', `A batch holds at most ${mostItems} heartbeats.`)
  return items
}

export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch (thrown) {
    throw new AppError('request.invalid', 'The body is not JSON.', { cause: thrown })
  }
}

function listOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body as readonly unknown[]
  const list = typeof body === 'object' && body !== null ? (body as { heartbeats?: unknown }).heartbeats : undefined
  if (Array.isArray(list)) return list as readonly unknown[]
  throw new AppError('request.invalid', 'The body must be a list of heartbeats, or {"heartbeats": […]}.')
}

/** All the names that it goes by. */
const linesTypes: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
])

function linesOf(bytes: Buffer): unknown[] {
  const items: unknown[] = []
  for (const line of bytes.toString('utf8').split('\n')) {
    if (line.trim() === '') continue
    if (items.push(itemOf(line)) > mostItems) break
  }
  return items
}

function itemOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return unreadable
  }
}
