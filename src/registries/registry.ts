/** What each registry's index.ts exports: the only face of it that the rest of the program knows. */
import type { ZodType } from 'zod'
import type { Engine, SyncSpec } from '../engine/engine.ts'
import type { Journal } from '../engine/journal.ts'
import type { Clock, Ms } from '../kernel/clock.ts'
import type { KeyValue } from '../kernel/key-value.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Random } from '../kernel/retry.ts'
import type { Identity, Route } from '../kernel/route.ts'
import type { Table } from '../kernel/table.ts'
import type { Noticed } from './settings.ts'

export interface Registry<C = unknown> {
  /** Its section in the config file, its CLI group, its `registry` in the API. */
  readonly name: string
  /** Schema of its section: a record of sync name → settings, where it has syncs. */
  readonly config: ZodType<C>
  /** Rows of its own in the ledger. */
  readonly tables: readonly Table[]
  /** Called where the config has its section; what it needs is best imported then. */
  build(config: C, parts: Parts): Promise<Built>
  /**
   * What `regista validate` finds beyond the schema, by reading what the section names (its files, not its
   * targets). `base` is the folder that relative paths are meant from. Throws only for what it cannot do.
   */
  check?(config: C, base: string, signal: AbortSignal): AsyncIterable<Finding>
}

export interface Finding {
  /** Within the section: ['catalog', 'source']. */
  readonly path: readonly (string | number)[]
  /** `warning`: it works, and is likely not what is meant. */
  readonly level: 'error' | 'warning'
  /** Where it was found, when that is another file than the config: "manifests/a.yaml:3:5". */
  readonly place?: string
  readonly what: string
  readonly hint?: string
}

/** What a registry is given. */
export interface Parts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly journal: Journal
  /** Regista's own key-value store. */
  readonly keyValue: KeyValue
  /** `regista.yaml:12:3`, where the config says something of this registry: ['projects', 'shop']. Absent: there is no file. */
  readonly where?: (path: readonly (string | number)[]) => string
  /** Folder of the config file: relative paths in the config are meant from here. */
  readonly base: string
  /** Folder of this process alone, for what can be read again from elsewhere: copies, caches. */
  readonly state: string
  /** How long history is kept. */
  readonly retention: { readonly events: Ms }
  /** The engine, once it runs; for routes. */
  readonly engine: () => Engine
}

export interface Built {
  readonly syncs: readonly (SyncSpec<never> & Noticed)[]
  readonly routes: readonly Route[]
  /** Who may call, beside those with tokens of ours. */
  readonly identities?: readonly Identity[]
  /** Answers what matters most of it from memory, also while the journal cannot be read: the server stays ready then. */
  readonly servesFromMemory?: boolean
  /** Begins what goes on by itself, before anybody is let in; not called where a command only asks. */
  start?(): Promise<void>
  /** Closes what it opened; after the engine stopped. */
  close?(): Promise<void>
}
