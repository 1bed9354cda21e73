/** How far each receiver of notices has been told. */
import type { Instant } from '../kernel/clock.ts'
import { defineTable } from '../kernel/table.ts'

export interface NoticeRow {
  readonly sync: string
  readonly hook: string
  /** Digest of where it goes: another address begins anew. */
  readonly address: string
  /** `disabled`: the receiver answered that it wants no more. */
  readonly state: 'open' | 'disabled'
  /** Every event up to here was told of, or was not worth telling. */
  readonly cursor: number
  /** The notice that is under way; null: none. It is kept whole, so that each try sends the same bytes. */
  readonly id: string | null
  readonly body: string | null
  /** The cursor once it has arrived. */
  readonly upto: number | null
  /** When it was made: it is given up so long after. */
  readonly since: Instant | null
  /** Whether all was well when the last notice was made; null: there was none. */
  readonly ok: boolean | null
  readonly attempts: number
  readonly due: Instant | null
}

export const notices = defineTable<NoticeRow>('notice', ['sync', 'hook'], {
  sync: 'text',
  hook: 'text',
  address: 'text',
  state: 'text',
  cursor: 'int',
  id: 'text',
  body: 'text',
  upto: 'int',
  since: 'int',
  ok: 'bool',
  attempts: 'int',
  due: 'int',
})
