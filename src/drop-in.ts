/**
 * The composition root of the drop-in commands: a state folder, or memory where there is none, and the
 * engine on it. Leaner than app.ts: no server, no configuration file, no other registry.
 */
import { randomInt } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createDraft } from './database/draft.ts'
import { openDatabase, stateFolder, type Place } from './database/open.ts'
import { createEngine } from './engine/create-engine.ts'
import type { Engine, SyncSpec } from './engine/engine.ts'
import type { Journal } from './engine/journal.ts'
import { engineTables } from './engine/tables.ts'
import type { Clock, Ms } from './kernel/clock.ts'
import { digestOf } from './kernel/digest.ts'
import { AppError, messageOf } from './kernel/errors.ts'
import type { Logger } from './kernel/logger.ts'
import { createMetrics } from './kernel/metrics.ts'
import type { Table } from './kernel/table.ts'

export interface DropInParts {
  /** null: nothing is to be remembered. */
  readonly folder: string | null
  readonly specs: readonly SyncSpec<never>[]
  readonly clock: Clock
  readonly logger: Logger
  /** Called when the folder cannot be used; the state is then in memory. */
  readonly forgetful: (why: string) => void
}

export interface DropIn {
  readonly engine: Engine
  readonly journal: Journal
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

const tables = engineTables as unknown as readonly Table[]

export async function openDropIn({ folder, specs, clock, logger, forgetful }: DropInParts): Promise<DropIn> {
  const journal = await openState(folder, clock, logger, forgetful)
  const engine = createEngine({
    journal,
    specs,
    clock,
    logger,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, clock, tables),
  })
  return {
    engine,
    journal,
    async stop(bound) {
      await engine.stop(bound)
      await journal.close()
    },
  }
}

async function openState(
  folder: string | null,
  clock: Clock,
  logger: Logger,
  forgetful: (why: string) => void,
): Promise<Journal> {
  const open = async (place: Place) => openDatabase({ place, tables, clock, logger, otherwise: 'memory' })
  if (folder === null) return (await open({ memory: true })).journal
  try {
    const { kind, journal } = await open({ folder })
    if (kind === 'memory') forgetful(`${folder} cannot be written`)
    return journal
  } catch (thrown) {
    // Whatever it is (held by another run, from a newer version, damaged): the targets are looked at anyway.
    forgetful(thrown instanceof AppError ? thrown.detail : `${folder} cannot be used (${messageOf(thrown)})`)
    return (await open({ memory: true })).journal
  }
}
