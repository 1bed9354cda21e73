/**
 * The composition root of the drop-in commands: a state folder, or memory where there is none, and the
 * engine on it. Leaner than app.ts: no server, no configuration file, no other registry.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createDraft } from './database/draft.ts'
import { databaseFile } from './database/holder.ts'
import { openDatabase, stateFolder, type Place } from './database/open.ts'
import { connect } from './database/sqlite/connection.ts'
import { createEngine } from './engine/create-engine.ts'
import type { Engine, SyncSpec } from './engine/engine.ts'
import type { Journal } from './engine/journal.ts'
import { engineTables } from './engine/tables.ts'
import type { Clock, Instant, Ms } from './kernel/clock.ts'
import { digestOf } from './kernel/digest.ts'
import { AppError, messageOf } from './kernel/errors.ts'
import type { Logger } from './kernel/logger.ts'
import type { Metrics } from './kernel/metrics.ts'
import type { Table } from './kernel/table.ts'

export { holderSocket } from './database/holder.ts'

export interface DropInParts {
  /** null: nothing is to be remembered. */
  readonly folder: string | null
  /** Made once it is known where the state is. */
  specs(state: DropInState): readonly SyncSpec<never>[]
  /** Without it nobody can ask for any. */
  readonly metrics?: Metrics
  /** Of the registry. */
  readonly tables?: readonly Table[]
  /** Others are answered while a pass writes: the database gets a thread of its own. */
  readonly answers?: true
  readonly clock: Clock
  readonly logger: Logger
  /** Called when the folder cannot be used; the state is then in memory. */
  readonly forgetful: (why: string) => void
  /** Another process holds the folder: throw `journal.busy`, or go on in memory as where it cannot be used. */
  readonly busy: 'throw' | 'memory'
}

export interface DropInState {
  readonly journal: Journal
  /** Whether the folder is used; else the state is in memory. */
  readonly lasting: boolean
}

export interface DropIn extends DropInState {
  readonly engine: Engine
  stop(bound?: Ms): Promise<void>
}

/** Flag, else REGISTA_STATE_DIR, else a folder of its own for each source and target below XDG_STATE_HOME. */
export function dropInFolder(
  command: string,
  sourceAndTarget: readonly string[],
  flag: string | null,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const given = flag ?? env['REGISTA_STATE_DIR']
  if (given) return resolve(given)
  return stateFolder(env, homedir(), join(command, digestOf([...sourceAndTarget]).slice(0, 16)))
}

const tablesOf = ({ tables = [] }: DropInParts) => [...(engineTables as unknown as readonly Table[]), ...tables]

/** Nobody else is to be answered while a pass writes; see docs/performance.md for what threads and pages cost. */
const embedded = { threads: 0, cache: 4096 } as const

export async function openDropIn(parts: DropInParts): Promise<DropIn> {
  const { clock, logger, metrics = noMetrics } = parts
  const state = await openState(parts)
  const { journal } = state
  const engine = createEngine({
    journal,
    specs: parts.specs(state),
    clock,
    logger,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    metrics,
    draft: (base) => createDraft(base, clock, tablesOf(parts)),
  })
  return {
    ...state,
    engine,
    async stop(bound) {
      await engine.stop(bound)
      await journal.close()
    },
  }
}

async function openState(parts: DropInParts): Promise<DropInState> {
  const { folder, clock, logger, forgetful, busy } = parts
  const common = {
    tables: tablesOf(parts),
    clock,
    logger,
    otherwise: 'memory',
    ...(!parts.answers && { embedded }),
  } as const
  const open = async (place: Place) => openDatabase({ place, ...common })
  const inMemory = async () => ({ journal: (await open({ memory: true })).journal, lasting: false })
  if (folder === null) return inMemory()
  try {
    const { kind, journal } = await open({ folder })
    if (kind === 'memory') forgetful(`${folder} cannot be written`)
    return { journal, lasting: kind !== 'memory' }
  } catch (thrown) {
    if (busy === 'throw' && thrown instanceof AppError && thrown.code === 'journal.busy') throw thrown
    // Whatever it is (held by another run, from a newer version, damaged): the targets are looked at anyway.
    forgetful(thrown instanceof AppError ? thrown.detail : `${folder} cannot be used (${messageOf(thrown)})`)
    return inMemory()
  }
}

/**
 * When the last pass of a sync ended, by the ledger in its folder; null: it knows of none. Reads beside
 * whoever holds the folder and takes no lock, so that asking never keeps a sync from starting.
 */
export function readLastPass(folder: string, sync: string): Instant | null {
  const file = databaseFile(folder)
  if (!existsSync(file)) return null
  const connection = connect(file, { readOnly: true })
  try {
    const row = connection.get('SELECT "lastPassAt" FROM "sync" WHERE "sync" = ?', [sync])
    return (row?.[0] as Instant | null | undefined) ?? null
  } finally {
    connection.close()
  }
}

const ignored = () => {}
const instrument = { inc: ignored, dec: ignored, set: ignored, observe: ignored, reset: ignored } as never

/** Some drop-in commands cannot be asked for metrics: the library that keeps them would cost 14 MB (2026-11). */
const noMetrics: Metrics = {
  counter: () => instrument,
  gauge: () => instrument,
  histogram: () => instrument,
  computed: ignored,
  text: () => Promise.resolve(''),
  contentType: 'text/plain',
}
