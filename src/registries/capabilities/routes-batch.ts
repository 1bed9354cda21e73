/** Manifests in bulk through the API, and what became of them. */
import { z } from 'zod'
import type { Journal } from '../../engine/journal.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Json } from '../../kernel/json.ts'
import { route, type Caller, type Route } from '../../kernel/route.ts'
import { isStorable, longestKey } from '../../kernel/storable.ts'
import { largestManifest } from './manifest-files.ts'
import { readManifest, type ManifestRules } from './manifest/manifest.ts'
import { digestOfCapability } from './model.ts'
import { describeProblem, ManifestError } from './manifest/problem.ts'
import { filesOf, submit, type Wish } from './submissions.ts'
import { submissions } from './tables.ts'
import { awaitDelivery, deliveryStates, type Expected } from './submission-delivery.ts'

/** A sync of this registry, as far as its submissions go. */
export interface Taker {
  readonly takes: boolean
  readonly rules: ManifestRules
  readonly targets: readonly string[]
}

export interface BatchParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly syncs: ReadonlyMap<string, Taker>
}

const mostItems = 1000
const mostBytes = 16 * 1024 * 1024

const Item = z.object({
  op: z.enum(['put', 'delete']),
  id: z.string().optional().meta({ description: 'Of delete; with put, what the manifest must say, too' }),
  manifest: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .meta({ description: 'Of put: YAML text, or the manifest as an object' }),
})

const Batch = z.object({
  sync: z.string(),
  items: z.array(Item).max(mostItems),
  dryRun: z.boolean().default(false).meta({ description: 'Only say what would become of each item' }),
})

const statuses = ['created', 'updated', 'unchanged', 'removed', 'absent', 'invalid', 'conflict'] as const

const Result = z.object({
  id: z.string().nullable().meta({ description: 'null: it could not be read' }),
  status: z.enum(statuses),
  code: z
    .enum(['manifest-invalid', 'item-invalid', 'duplicate-identifier', 'owned-by-file', 'changed-meanwhile'])
    .optional()
    .meta({ description: 'Of invalid and conflict: why' }),
  detail: z.string().optional(),
  delivery: z
    .record(z.string(), z.enum(deliveryStates))
    .optional()
    .meta({ description: 'With wait=true: how it stands at each target' }),
})
type Result = z.infer<typeof Result>

const Answer = z.object({
  sync: z.string(),
  results: z.array(Result).meta({ description: 'One for each item, in order' }),
  counts: z.object(Object.fromEntries(statuses.map((status) => [status, z.int()])) as Record<Status, z.ZodInt>),
  delivered: z.boolean().optional().meta({ description: 'With wait=true: every valid item is true at every target' }),
})
type Status = (typeof statuses)[number]

/** What a target is to have, now or already. */
const wanted: ReadonlySet<Status> = new Set(['created', 'updated', 'unchanged', 'removed'])

export function batchRoutes(parts: BatchParts): readonly Route[] {
  return [postBatch(parts), listSubmissions(parts)]
}

function takerOf({ syncs }: BatchParts, sync: string, caller: Caller): Taker {
  if (caller.scopes !== null && !(caller.scopes.syncs?.includes(sync) ?? false)) {
    throw new AppError('request.forbidden', 'The token is limited to other syncs.')
  }
  const taker = syncs.get(sync)
  if (!taker) throw new AppError('request.not-found', `There is no sync of capabilities named ${sync}.`)
  return taker
}

function postBatch(parts: BatchParts): Route {
  return route({
    method: 'POST',
    path: '/api/v1/capabilities::batch',
    role: 'operator',
    within: 'filtered',
    tag: 'capabilities',
    summary: 'Put and delete manifests in bulk; the same batch again changes nothing',
    query: z.object({
      wait: z
        .boolean()
        .default(false)
        .meta({ description: 'Answer once the targets have it, or after 10 s with how far it is' }),
    }),
    body: Batch,
    mostBytes,
    response: Answer,
    async handle({ body, query, caller, signal }) {
      const { sync, items, dryRun } = body
      const { takes, rules, targets } = takerOf(parts, sync, caller)
      if (!takes) {
        throw new AppError('request.conflict', `${sync} takes no manifests through the API; give it submissions: true.`)
      }
      const read = readItems(items, rules)
      const wishes = read.flatMap(({ wish }) => wish ?? [])
      const at = parts.clock.now()
      const done = (await submit(parts.journal, sync, wishes, { by: caller.name, at, dry: dryRun })).values()
      const results = read.map(({ wish, refusal }): Result =>
        wish ? { id: wish.id, ...done.next().value! } : refusal!,
      )
      const answer = { sync, results, counts: countsOf(results) }
      if (!query.wait || dryRun) return { body: answer }
      const accepted = results.map(({ status }) => wanted.has(status))
      const expected = read.flatMap(({ wish, digest }, index): Expected[] =>
        wish && accepted[index] === true ? [{ id: wish.id, digest }] : [],
      )
      const { all, states } = await awaitDelivery(parts, { sync, targets, expected }, signal)
      const shown = results.map((one, index): Result => {
        const delivery = accepted[index] === true ? states.get(one.id!) : undefined
        return delivery ? { ...one, delivery } : one
      })
      return { body: { ...answer, results: shown, delivered: all } }
    },
  })
}

function countsOf(results: readonly Result[]): Record<Status, number> {
  const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>
  for (const { status } of results) counts[status] += 1
  return counts
}

/** An item that can be understood has a wish, any other a refusal. */
interface ReadItem {
  readonly wish: Wish | null
  readonly refusal: Result | null
  /** Of what is put; null: deleted. */
  readonly digest: string | null
}

function readItems(items: readonly z.infer<typeof Item>[], rules: ManifestRules): ReadItem[] {
  const seen = new Map<string, number>()
  return items.map((item, index) => {
    const read = item.op === 'put' ? readPut(item, rules) : readDelete(item)
    if (read.wish === null) return read
    const { id } = read.wish
    const first = seen.get(id)
    seen.set(id, first ?? index)
    if (first === undefined) return read
    return refuse(id, 'duplicate-identifier', `item ${first + 1} of this batch is about ${id} already`)
  })
}

function refuse(id: string | null, code: NonNullable<Result['code']>, detail: string): ReadItem {
  return { wish: null, refusal: { id, status: 'invalid', code, detail }, digest: null }
}

function readDelete({ id, manifest }: z.infer<typeof Item>): ReadItem {
  if (manifest !== undefined) return refuse(id ?? null, 'item-invalid', 'a delete takes an id and no manifest')
  if (id === undefined || !isId(id)) return refuse(null, 'item-invalid', 'a delete needs the id of a capability')
  return { wish: { id, manifest: null }, refusal: null, digest: null }
}

function readPut({ id, manifest }: z.infer<typeof Item>, rules: ManifestRules): ReadItem {
  const known = id !== undefined && isStorable(id) ? id : null
  if (manifest === undefined) return refuse(known, 'item-invalid', 'a put needs a manifest')
  // JSON is YAML.
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest as Json)
  if (Buffer.byteLength(text) > largestManifest) {
    return refuse(known, 'manifest-invalid', `the manifest is larger than ${largestManifest} bytes`)
  }
  if (!isStorable(text)) return refuse(known, 'manifest-invalid', 'the manifest holds characters that no text can hold')
  try {
    const capability = readManifest(Buffer.from(text), 'manifest', rules)
    if (id !== undefined && id !== capability.id) {
      return refuse(known, 'item-invalid', `the manifest says that it is ${capability.id}`)
    }
    if (!isId(capability.id)) return refuse(null, 'manifest-invalid', 'dc_identifier is too long')
    return { wish: { id: capability.id, manifest: text }, refusal: null, digest: digestOfCapability(capability) }
  } catch (thrown) {
    if (!(thrown instanceof ManifestError)) throw thrown
    return refuse(thrown.identifier ?? known, 'manifest-invalid', describeProblem('manifest', thrown))
  }
}

const isId = (id: string): boolean => id !== '' && isStorable(id) && Buffer.byteLength(id) <= longestKey

const Submission = z.object({
  id: z.string(),
  by: z.string().meta({ description: 'Who sent it' }),
  at: z.iso.datetime(),
  shadowedBy: z.string().nullable().meta({ description: 'The file that holds the same id, and wins' }),
  manifest: z.string().optional().meta({ description: 'As it was sent; with manifests=true' }),
})

function listSubmissions(parts: BatchParts): Route {
  return route({
    method: 'GET',
    path: '/api/v1/syncs/:sync/submissions',
    role: 'viewer',
    within: { sync: 'sync' },
    tag: 'capabilities',
    summary: 'List what was sent through the API, and which file wins where one does',
    params: z.object({ sync: z.string() }),
    query: z.object({
      after: z.string().optional().meta({ description: 'Only ids after this one: `next` of the page before' }),
      limit: z.int().min(1).max(1000).default(100),
      manifests: z.boolean().default(false),
    }),
    response: z.object({ items: z.array(Submission), next: z.string().nullable() }),
    async handle({ params: { sync }, query, caller }) {
      takerOf(parts, sync, caller)
      const where = { sync, state: 'live', ...(query.after !== undefined && { id: { above: query.after } }) } as const
      const without = query.manifests ? [] : (['manifest'] as const)
      const rows = await parts.journal.select(submissions, { where, without, limit: query.limit + 1 })
      const page = rows.slice(0, query.limit)
      const files = await filesOf(
        parts.journal,
        sync,
        page.map(({ id }) => id),
      )
      const items = page.map(({ id, by, at, manifest }) => ({
        id,
        by,
        at: new Date(at).toISOString(),
        shadowedBy: files.get(id) ?? null,
        ...(manifest !== null && { manifest }),
      }))
      return { body: { items, next: rows.length > page.length ? (page.at(-1)?.id ?? null) : null } }
    },
  })
}
