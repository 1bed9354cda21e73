/** Rows of stages in memory as the ledger has them, and how one is changed. */
import { drop, put, type Event, type EventDraft, type Journal, type Stored } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { keyOf, type Stage, type StageKey } from '../model.ts'
import { imageStages, type StageRow } from '../tables.ts'
import { stageDefinition, stageOf } from './definition.ts'
import { createFollowing } from './following.ts'
import { blankRow } from './state.ts'

export interface StageLedger {
  /** Reads the ledger and follows it. */
  start(): Promise<void>
  /** Of the config and of the API. */
  readonly stages: ReadonlyMap<StageKey, Stage>
  row(key: StageKey): Stored<StageRow> | null
  /**
   * Writes a change of one row. `next` is asked again with what another replica has written meanwhile; null: nothing
   * is to be written.
   */
  change(key: StageKey, type: string, next: (row: StageRow) => Change | null): Promise<void>
  /** Calls back after a row changed, whoever changed it. */
  subscribe(listener: (key: StageKey) => void): () => void
  close(): Promise<void>
}

export interface Change {
  /** null: it is removed. */
  readonly row: StageRow | null
  readonly by?: string | undefined
  readonly data?: Json | undefined
  /** As it is after the change, where that defines it. */
  readonly stage?: Stage
}

const tries = 8
const page = 1000

export function createStageLedger(
  { journal, clock, logger }: { readonly journal: Journal; readonly clock: Clock; readonly logger: Logger },
  configured: ReadonlyMap<StageKey, Stage>,
): StageLedger {
  const stages = new Map(configured)
  const rows = new Map<StageKey, Stored<StageRow>>()
  const listeners = new Set<(key: StageKey) => void>()
  const turns = new Map<StageKey, Promise<unknown>>()
  const following = createFollowing({ journal, clock, logger, type: 'stage.', take: follow })

  /** Takes a row as the ledger has it; null: there is none any more. */
  function keep(key: StageKey, row: Stored<StageRow> | null): void {
    if (row === null) rows.delete(key)
    else rows.set(key, row)
    if (configured.has(key)) return
    const stage = row === null ? null : read(key, row)
    if (stage === null) stages.delete(key)
    else stages.set(key, stage)
  }

  function read(key: StageKey, { project, stage, definition }: StageRow): Stage | null {
    if (definition === null) return null
    const parsed = stageDefinition.safeParse(definition)
    if (parsed.success) return stageOf(project, stage, parsed.data, 'api')
    logger.warn({ key, err: parsed.error }, 'a stage of the API is not one any more; define it anew')
    return null
  }

  function tellOf(key: StageKey): void {
    for (const listener of listeners) {
      try {
        listener(key)
      } catch (thrown) {
        logger.error({ err: thrown, key }, 'a listener for stages failed')
      }
    }
  }

  async function follow(events: readonly Event[]): Promise<void> {
    const newest = new Map(events.flatMap(({ key, seq }) => (key === undefined ? [] : [[key, seq] as const])))
    for (const [key, seq] of newest) {
      await inTurn(key, async () => {
        const before = rows.get(key)
        if ((before?.seq ?? 0) >= seq) return
        const row = await journal.get(imageStages, placeOf(key))
        if (row === null && before === undefined) return
        keep(key, row)
        tellOf(key)
      })
    }
  }

  /** One change of a stage after the other, so that two of this process do not conflict. */
  function inTurn<T>(key: StageKey, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(key) ?? Promise.resolve()).then(work, work)
    turns.set(key, turn)
    const over = () => {
      if (turns.get(key) === turn) turns.delete(key)
    }
    turn.then(over, over)
    return turn
  }

  async function changeOnce(key: StageKey, type: string, next: (row: StageRow) => Change | null): Promise<boolean> {
    const known = rows.get(key) ?? null
    const changed = next(known === null ? blankRow(key) : columnsOf(known))
    if (changed === null) return true
    const sync = (changed.stage ?? stages.get(key))?.deployer
    const event = {
      type,
      key,
      ...(sync !== undefined && { sync }),
      ...(changed.by !== undefined && { actor: changed.by }),
      ...(changed.data !== undefined && { data: changed.data }),
    }
    const [done] = await journal.commit([factOf(known, changed.row, event)])
    if (done === 'unchanged') return true
    if (done === 'conflict') keep(key, await journal.get(imageStages, placeOf(key)))
    else keep(key, changed.row && { ...changed.row, seq: done! })
    // Also what another replica wrote is news.
    tellOf(key)
    return done !== 'conflict'
  }

  return {
    stages,
    row: (key) => rows.get(key) ?? null,
    async start() {
      const { seq } = await journal.head()
      for (let after: string[] | undefined; ;) {
        const some = await journal.select(imageStages, { limit: page, ...(after && { after }) })
        for (const row of some) keep(keyOf(row.project, row.stage), row)
        if (some.length < page) break
        after = [some.at(-1)!.project, some.at(-1)!.stage]
      }
      if (journal.shared) following.start(seq)
    },
    change: (key, type, next) =>
      inTurn(key, async () => {
        for (let attempt = 0; attempt < tries; attempt += 1) if (await changeOnce(key, type, next)) return
        throw new AppError('request.conflict', `the stage ${key} is being changed by others; try again`)
      }),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      await following.stop()
      await Promise.allSettled(turns.values())
    },
  }
}

function placeOf(key: StageKey): Pick<StageRow, 'project' | 'stage'> {
  const { project, stage } = blankRow(key)
  return { project, stage }
}

function columnsOf(stored: Stored<StageRow>): StageRow {
  const { seq: _, ...row } = stored
  return row
}

function factOf(known: Stored<StageRow> | null, next: StageRow | null, event: EventDraft) {
  const when = known === null ? 'absent' : ({ seq: known.seq } as const)
  if (next !== null) return put(imageStages, next, event, when)
  const { project, stage } = known!
  return drop(imageStages, { project, stage }, event, when)
}
