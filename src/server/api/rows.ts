/** Rows of the ledger as the API shows them: the row types of engine/tables.ts, said in zod. */
import { z, type ZodType } from 'zod'
import type { Stored } from '../../engine/journal.ts'
import type { DeliveryRow, EntryRow, HoldRow, ScopeRow, TargetRow } from '../../engine/tables.ts'
import type { Json } from '../../kernel/json.ts'

/** A column that the row type has and the schema lacks does not compile. */
function shapeOf<R>() {
  return <S extends { readonly [C in keyof R]-?: ZodType<R[C]> }>(shape: S) => z.object(shape)
}

const text = z.string().nullable()
export const instant = z.int().meta({ description: 'Milliseconds since 1970-01-01T00:00:00Z' })
const maybe = instant.nullable()
const json = z.unknown() as unknown as ZodType<Json>
const seq = z.int().meta({ description: 'Position of the last event of this row' })

export const Scope = shapeOf<Stored<ScopeRow>>()({
  sync: z.string(),
  scope: z.string(),
  state: z.enum(['ok', 'unavailable', 'gone', 'orphaned']),
  why: text,
  detail: text,
  rank: z.int(),
  mark: text,
  troubles: json,
  lookedAt: maybe,
  completeAt: maybe,
  missedAt: maybe,
  seq,
})

export const Entry = shapeOf<Stored<EntryRow>>()({
  sync: z.string(),
  scope: z.string(),
  key: z.string(),
  state: z.enum(['live', 'stray', 'gone']),
  digest: z.string(),
  label: z.string(),
  item: json.meta({ description: 'null in lists, unless asked for with items=true' }),
  stamp: text,
  note: json,
  origin: text,
  ordinal: json,
  missedAt: maybe,
  misses: z.int(),
  seq,
})

export const Target = shapeOf<Stored<TargetRow>>()({
  sync: z.string(),
  target: z.string(),
  state: z.enum(['new', 'ok', 'unavailable', 'orphaned']),
  why: text,
  detail: text,
  identity: text,
  fingerprint: z.string(),
  epoch: z.int(),
  cursor: z.int(),
  owed: json,
  mark: text,
  lookedAt: maybe,
  budgetLeft: z.number().nullable(),
  budgetAt: maybe,
  attempts: z.int(),
  due: maybe,
  seq,
})

export const deliveryStates = [
  'pending',
  'held',
  'sending',
  'waiting',
  'applied',
  'rejected',
  'failed',
  'unsure',
] as const

export const Delivery = shapeOf<Stored<DeliveryRow>>()({
  sync: z.string(),
  target: z.string(),
  key: z.string(),
  state: z.enum(deliveryStates),
  op: z.enum(['put', 'delete']),
  digest: text,
  digestLabel: text,
  want: text,
  label: text,
  reason: text,
  detail: text,
  until: z.enum(['item', 'target']).nullable(),
  attempts: z.int(),
  due: maybe,
  handle: json,
  effectId: text,
  receipt: json,
  doubt: z.enum(['want', 'other']).nullable(),
  contest: z.object({ times: z.int(), at: instant }).nullable(),
  epoch: z.int(),
  seq,
})

export const Hold = shapeOf<Stored<HoldRow>>()({
  id: z.string(),
  sync: z.string(),
  target: z.string(),
  key: z.string(),
  gate: z.string(),
  reason: z.string(),
  subject: z.string(),
  op: z.enum(['put', 'delete']),
  label: text,
  state: z.enum(['held', 'released']),
  until: maybe,
  by: text,
  seq,
})

export const EventItem = z.object({
  seq: z.int(),
  at: instant,
  type: z.string().meta({ examples: ['delivery.applied'] }),
  sync: z.string().optional(),
  scope: z.string().optional(),
  target: z.string().optional(),
  key: z.string().optional(),
  reason: z.string().optional(),
  actor: z.string().optional(),
  data: json.optional(),
})
