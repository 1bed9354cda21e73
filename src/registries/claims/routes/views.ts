/** What is about to be written, what cannot be, and to try at once. */
import { z } from 'zod'
import type { Engine } from '../../../engine/engine.ts'
import type { Journal } from '../../../engine/journal.ts'
import { deliveries } from '../../../engine/tables.ts'
import { AppError } from '../../../kernel/errors.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { namesOf } from '../model.ts'
import { speakerOf } from './speaker.ts'

/** What would be proposed at a target. */
export interface TargetPreview {
  readonly path: string
  /** Unified diff; '': nothing. */
  readonly diff: string
  readonly changes: number
  readonly unmatched: readonly string[]
  readonly ambiguous: ReadonlyMap<string, string>
}

export interface ViewParts {
  /** Whose files they are. */
  readonly sync: string
  readonly journal: Journal
  readonly engine: () => Pick<Engine, 'pass'>
  /** Of the targets that are files, by name. */
  readonly files: ReadonlyMap<string, ShownFile>
}

/** A target that is a file. */
export interface ShownFile {
  preview(signal: AbortSignal): Promise<TargetPreview>
  /** The next write need not wait for the time since the last one. */
  hurry(): void
}

const common = { within: 'own', tag: 'claims' } as const

export function viewRoutes(parts: ViewParts): readonly Route[] {
  return [preview(parts), reconcile(parts), unmatched(parts)]
}

const Preview = z.object({
  target: z.string(),
  path: z.string(),
  changes: z.int().meta({ description: 'Entries that would change' }),
  diff: z.string(),
  unmatched: z.array(z.string()).meta({ description: 'Keys of claims that no entry is about' }),
  ambiguous: z.record(z.string(), z.string()).meta({ description: 'Keys of claims that cannot be written, and why' }),
})

function preview({ sync, files }: ViewParts): Route {
  return route({
    ...common,
    method: 'GET',
    path: '/api/v1/preview',
    role: 'viewer',
    summary: 'Show what would be proposed now, as a unified diff; nothing is written',
    query: z.object({
      target: z.string().optional().meta({ description: 'Default: every file' }),
      format: z.enum(['diff', 'json']).default('diff'),
    }),
    response: z.object({ items: z.array(Preview) }),
    async handle({ query, caller, signal }) {
      refuseBound(speakerOf(caller, sync).cluster)
      const { target, format } = query
      if (target !== undefined && !files.has(target)) {
        throw new AppError('request.not-found', `There is no file ${target} among the targets of ${sync}.`)
      }
      const asked = [...files].filter(([name]) => target === undefined || name === target)
      const found = await Promise.all(asked.map(async ([name, file]) => ({ name, ...(await file.preview(signal)) })))
      if (format === 'diff') {
        const body = found.map(({ diff }) => diff).join('')
        return { body, headers: { 'content-type': 'text/x-diff; charset=utf-8' } }
      }
      const items = found.map(({ name, ambiguous, ...rest }) => {
        return { target: name, ...rest, ambiguous: Object.fromEntries(ambiguous) }
      })
      return { body: { items } }
    },
  })
}

const TargetReport = z.object({
  target: z.string(),
  state: z.string(),
  why: z.string().nullable(),
  detail: z.string().nullable(),
  applied: z.int(),
  adopted: z.int().meta({ description: 'Found to be so already' }),
  waiting: z.int().meta({ description: 'Proposed, or without an entry' }),
  held: z.int(),
  rejected: z.int(),
  failed: z.int(),
})

function reconcile({ sync, engine, files }: ViewParts): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/api/v1/reconcile',
    role: 'operator',
    summary: 'Compare and propose now, without waiting for the interval',
    response: z.object({ ok: z.boolean(), targets: z.array(TargetReport) }),
    async handle({ caller }) {
      refuseBound(speakerOf(caller, sync).cluster)
      for (const file of files.values()) file.hurry()
      const { ok, targets } = await engine().pass(sync, { why: 'asked' })
      const told = targets.map(({ target, state, why, detail, applied, adopted, waiting, held, rejected, failed }) => {
        return { target, state, why, detail, applied, adopted, waiting, held, rejected, failed }
      })
      return { body: { ok, targets: told } }
    },
  })
}

/** What is about the claims of all clusters is not for one of them. */
function refuseBound(cluster: string | null): void {
  if (cluster !== null) throw new AppError('request.forbidden', 'The token is limited to its own cluster.')
}

const unmatchedPath = '/api/v1/unmatched'
/** Reasons of the file target: no entry, more than one, one that cannot be edited by itself. */
const unmatchedReasons = ['unmatched', 'ambiguous', 'entry-locked'] as const

const Unmatched = z.object({
  target: z.string(),
  key: z.string(),
  cluster: z.string(),
  claimRef: z.string(),
  group: z.string().optional(),
  kind: z.string().optional(),
  reason: z.enum(unmatchedReasons),
  detail: z.string().nullable(),
})

function unmatched({ sync, journal }: ViewParts): Route {
  return route({
    ...common,
    method: 'GET',
    path: unmatchedPath,
    role: 'viewer',
    summary: 'List the claims that have no entry, or no clear one, as of the last pass',
    query: z.object({ ...pageQuery, reason: z.enum(unmatchedReasons).optional() }),
    response: pageOf(Unmatched),
    async handle({ query, caller }) {
      const { cluster: own } = speakerOf(caller, sync)
      const after = positionOf(unmatchedPath, query)
      const reason = query.reason ?? { in: unmatchedReasons }
      const key = own === null ? {} : { key: { prefix: `${encodeURIComponent(own)}/` } }
      const rows = await journal.select(deliveries, {
        where: { sync, reason, ...key },
        order: ['target', 'key'],
        ...(after !== null && { after }),
        limit: query.limit + 1,
      })
      const page = rows.slice(0, query.limit)
      const last = page.at(-1)
      const next = rows.length > page.length && last ? nextLink(unmatchedPath, query, [last.target, last.key]) : null
      const items = page.flatMap((row) => {
        const names = namesOf(row.key)
        if (names === null) return []
        const { cluster, claimRef, object } = names
        const kind = object === null ? {} : { group: object.group, kind: object.kind }
        const why = row.reason as (typeof unmatchedReasons)[number]
        return [{ target: row.target, key: row.key, cluster, claimRef, ...kind, reason: why, detail: row.detail }]
      })
      return { body: { items, next } }
    },
  })
}
