/**
 * Regista's own key-value store over HTTP. A value is read as its bytes and written as JSON; its
 * entity tag is the revision that wrote it.
 */
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueTransaction, Pair } from '../../kernel/key-value.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../kernel/page.ts'
import { route, type Route, type RouteRequest } from '../../kernel/route.ts'
import { mayUseKey } from '../access/guard.ts'
import { strongTag, wantedSeqs } from '../../kernel/etag.ts'
import type { ApiParts } from './parts.ts'

const Bytes = z.object({ base64: z.base64() })
const Value = z.union([z.string(), Bytes])

const PairItem = z.object({
  key: z.string(),
  value: Value.optional().meta({ description: 'Text where the bytes are UTF-8; absent when only keys were asked for' }),
  revision: z.int(),
})

const oneKey = z.object({ '*': z.string().min(1).max(1024) })
const onKey = { path: '/api/v1/kv/*', params: oneKey, within: { kv: '*' }, tag: 'key-value' } as const

/** Writes go on when the caller is gone: the commit has its own bound, and half a wish helps nobody. */
const never = new AbortController().signal

export function keyValueRoutes({ keyValue }: ApiParts): readonly Route[] {
  return [listKeys(keyValue), readKey(keyValue), writeKey(keyValue), removeKey(keyValue)]
}

async function find(keyValue: KeyValue, key: string, signal: AbortSignal): Promise<Pair | null> {
  // In code-unit order a key comes before everything that it is a prefix of.
  const { pairs } = await keyValue.range({ prefix: key, limit: 1 }, signal)
  return pairs[0]?.key === key ? pairs[0] : null
}

function missing(key: string): AppError {
  return new AppError('request.not-found', `There is no key ${key}.`)
}

function listKeys(keyValue: KeyValue): Route {
  const path = '/api/v1/kv'
  return route({
    method: 'GET',
    path,
    role: 'viewer',
    within: 'filtered',
    tag: 'key-value',
    summary: 'List keys and their values',
    query: z.object({
      ...pageQuery,
      prefix: z.string().max(1024).default(''),
      keysOnly: z.boolean().default(false),
    }),
    response: pageOf(PairItem),
    async handle({ query, caller, signal }) {
      const { prefix, keysOnly, limit } = query
      if (!mayUseKey(caller.scopes, prefix)) {
        throw new AppError('request.forbidden', 'The token is limited to other prefixes; ask for one of its own.')
      }
      const [after] = positionOf(path, query) ?? []
      const ask = { prefix, keysOnly, limit: limit + 1, ...(after !== undefined && { after: String(after) }) }
      const { pairs } = await keyValue.range(ask, signal)
      const page = pairs.slice(0, limit)
      const last = page.at(-1)
      const more = pairs.length > page.length && last !== undefined
      const items = page.map(({ key, value, revision }) =>
        keysOnly ? { key, revision } : { key, value: shownValue(value), revision },
      )
      return { body: { items, next: more ? nextLink(path, query, [last.key]) : null } }
    },
  })
}

function readKey(keyValue: KeyValue): Route {
  return route({
    ...onKey,
    method: 'GET',
    role: 'viewer',
    summary: 'Read the bytes of one value',
    response: z.string().meta({ contentType: 'application/octet-stream' }),
    async handle({ params, signal }) {
      const key = params['*']
      const found = await find(keyValue, key, signal)
      if (found === null) throw missing(key)
      return { body: found.value, headers: { etag: strongTag(found.revision) } }
    },
  })
}

function writeKey(keyValue: KeyValue): Route {
  return route({
    ...onKey,
    method: 'PUT',
    role: 'operator',
    summary: 'Write one value; If-Match and If-None-Match: * guard against other writers',
    body: z.object({ value: Value }),
    response: z.object({ key: z.string(), revision: z.int() }),
    direct: 'handle',
    async handle({ params, body, headers, caller }) {
      const key = params['*']
      const value = bytesOf(body.value)
      if (value.length > keyValue.limits.bytes) {
        throw new AppError('request.too-large', `A value may have ${keyValue.limits.bytes} bytes.`)
      }
      const revision = await write(keyValue, key, { op: 'put', key, value }, headers, caller.name)
      return { body: { key, revision }, headers: { etag: strongTag(revision) } }
    },
  })
}

function removeKey(keyValue: KeyValue): Route {
  return route({
    ...onKey,
    method: 'DELETE',
    role: 'operator',
    summary: 'Remove one key; If-Match guards against other writers',
    async handle({ params, headers, caller, signal }) {
      const key = params['*']
      if ((await find(keyValue, key, signal)) === null) throw missing(key)
      await write(keyValue, key, { op: 'delete', key }, headers, caller.name)
      return {}
    },
  })
}

type Headers = RouteRequest<unknown, unknown, unknown>['headers']

async function write(
  keyValue: KeyValue,
  key: string,
  operation: KeyValueTransaction['operations'][number],
  headers: Headers,
  by: string,
): Promise<number> {
  const revisions = await guardedRevisions(keyValue, key, headers)
  // A guard holds one revision; If-Match may name several, of which at most one can be true.
  for (const revision of revisions ?? [null]) {
    const guards = revision === null ? [] : [{ key, revision }]
    const done = await keyValue.write({ guards, operations: [operation], by }, never)
    if (done !== 'conflict') return done.revision
  }
  throw new AppError('request.precondition', `${key} is not as the condition of the request says.`)
}

/** Null: no condition. 0: the key must not exist. */
async function guardedRevisions(keyValue: KeyValue, key: string, headers: Headers): Promise<readonly number[] | null> {
  const none = headers['if-none-match']
  if (none !== undefined) {
    if (none === '*') return [0]
    throw new AppError('request.invalid', 'On writes If-None-Match is taken as * only.')
  }
  const wanted = wantedSeqs(headers['if-match'])
  if (wanted !== 'any') return wanted?.slice(0, 10) ?? null
  const found = await find(keyValue, key, never)
  return found === null ? [] : [found.revision]
}

function bytesOf(value: z.infer<typeof Value>): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value.base64, 'base64')
}

function shownValue(bytes: Uint8Array): z.infer<typeof Value> {
  const text = Buffer.from(bytes).toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: Buffer.from(bytes).toString('base64') }
}
