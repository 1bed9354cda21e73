import type { Engine } from '../../engine/engine.ts'
import type { Journal } from '../../engine/journal.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import type { TokenStore } from '../access/token-store.ts'

export interface Backup {
  readonly file: string
  readonly blocks: number
  readonly events: number
  readonly seq: number
}

/** What the routes of the core work with. */
export interface ApiParts {
  readonly journal: Journal
  readonly engine: Engine
  /** Regista's own store. */
  readonly keyValue: KeyValue
  readonly clock: Clock
  readonly tokens: Pick<TokenStore, 'create' | 'revoke'>
  /** Copies the embedded database into a new file, as `backup` of database/backup.ts does. */
  readonly backup: (file: string) => Promise<Backup>
}

export function noSync(sync: string): AppError {
  return new AppError('request.not-found', `There is no sync named ${sync}.`)
}
