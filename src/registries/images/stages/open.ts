/** The book: what is written of stages, and what was asked for them. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Stage, StageKey } from '../model.ts'
import type { StageRow } from '../tables.ts'
import type { Book, StageState } from './book.ts'
import { definitionOf, editionOf } from './definition.ts'
import { createStageLedger } from './ledger.ts'
import { createPolls } from './polls.ts'
import type { StageFault } from './rules.ts'
import { approvalsOf, blankRow, rowAfter, stateOf } from './state.ts'

export interface BookParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** Those of the config. */
  readonly stages: readonly Stage[]
  /** Where the config says something: ['projects', 'shop', 'stages', 'production']. */
  where(path: readonly string[]): string
  /** With its image as its registry calls it. */
  settled(stage: Stage): Stage
  /** What is wrong with a stage of the API. */
  faultsOf(stage: Stage): readonly StageFault[]
}

export function createBook(parts: BookParts): Book {
  const { clock } = parts
  const configured = new Map(parts.stages.map((stage) => [stage.key, parts.settled(stage)]))
  const ledger = createStageLedger(parts, configured)
  const polls = createPolls(parts)
  /** Gates ask often, and rows change seldom. */
  const states = new Map<StageKey, StageState>()
  ledger.subscribe((key) => states.delete(key))

  function found(key: StageKey): Stage {
    const stage = ledger.stages.get(key)
    if (stage) return stage
    throw new AppError('request.not-found', `there is no stage ${key}; 'regista images' lists those that there are`)
  }

  function refuseOwned(key: StageKey): void {
    const stage = configured.get(key)
    if (!stage) return
    const place = parts.where(['projects', stage.project, 'stages', stage.stage])
    const detail = `the stage ${key} is defined in the config file; change it there (${place})`
    throw new AppError('config.owned', detail, { data: { place } })
  }

  function stateAt(key: StageKey): StageState {
    const state = states.get(key) ?? stateOf(ledger.row(key) ?? blankRow(key), polls.of(key))
    states.set(key, state)
    return state
  }

  /** A change of what is known of a stage that is there. */
  function note(
    key: StageKey,
    type: string,
    by: string,
    next: (state: StageState, stage: Stage) => { readonly set: Partial<StageRow>; readonly data?: Json } | null,
  ): Promise<void> {
    return ledger.change(key, type, (row) => {
      const changed = next(stateOf(row, polls.of(key)), found(key))
      return changed && { row: { ...row, ...changed.set }, by, data: changed.data }
    })
  }

  const looks: Pick<Book, 'observed' | 'polledAt'> = {
    observed: (key, seen) =>
      ledger.change(key, 'stage.observed', (row) => {
        // Removed while it was looked at: nobody asks any more.
        const stage = ledger.stages.get(key)
        const next = stage ? rowAfter(row, stage, seen, clock.now()) : null
        if (next === null) return null
        const { result, detail, version } = seen
        const polled = polls.of(key) ?? (version && { at: clock.now(), tag: version.tag })
        const data = {
          result,
          ...(detail !== null && { detail }),
          ...(version && { tag: version.tag, digest: version.digest }),
          ...(next.config !== row.config && { baseline: version ? version.digest : null }),
        }
        return { row: { ...next, ...(polled && { lastPolledAt: polled.at, lastPolledTag: polled.tag }) }, data }
      }),
    polledAt(key, at, tag) {
      polls.note(key, at, tag)
      states.delete(key)
    },
  }

  const definitions: Pick<Book, 'define' | 'remove'> = {
    async define(given, by, expected) {
      const { key } = given
      refuseOwned(key)
      const stage = parts.settled(given)
      const faults = parts.faultsOf(stage)
      if (faults.length > 0) throw invalid(faults)
      await ledger.change(key, 'stage.defined', (row) => {
        meets(key, ledger.stages.get(key) ?? null, expected)
        const definition = definitionOf(stage)
        return { row: { ...row, definition, createdBy: row.createdBy ?? by }, by, data: { definition }, stage }
      })
    },
    async remove(key, by, expected) {
      refuseOwned(key)
      await ledger.change(key, 'stage.removed', () => {
        meets(key, found(key), expected ?? null)
        return { row: null, by }
      })
      polls.forget(key)
    },
  }

  const wishes: Pick<Book, 'pin' | 'unpin' | 'pause' | 'resume' | 'approve' | 'ask' | 'again'> = {
    pin: (key, pin) =>
      note(key, 'stage.pinned', pin.by, () => ({ set: { pin: { ...pin, at: clock.now() } }, data: { ...pin } })),
    unpin: (key, by) =>
      note(key, 'stage.unpinned', by, ({ pin }) =>
        pin === null ? null : { set: { pin: null, asked: null }, data: { tag: pin.tag, digest: pin.digest } },
      ),
    pause: (key, by, reason) =>
      note(key, 'stage.paused', by, ({ paused }) =>
        paused ? null : { set: { paused: { at: clock.now(), by, reason } }, data: { reason } },
      ),
    resume: (key, by) =>
      note(key, 'stage.resumed', by, ({ paused }) => (paused === null ? null : { set: { paused: null } })),
    async approve(key, revision, by) {
      const now = clock.now()
      await note(key, 'stage.approved', by, (state, stage) => {
        const counted = approvalsOf(stage, state, revision, now)
        if (counted.some(({ name }) => name === by)) return null
        const approvals = { revision, by: [...counted, { name: by, at: now }] }
        return { set: { approvals }, data: { revision, count: approvals.by.length } }
      })
      return approvalsOf(found(key), stateAt(key), revision, now).length
    },
    ask: (key, revision, by, force) =>
      note(key, 'stage.asked', by, () => ({ set: { asked: { revision, by, force } }, data: { revision, force } })),
    async again(key, by) {
      let wanted = 0
      await note(key, 'stage.repeated', by, ({ generation }) => {
        wanted = generation + 1
        return { set: { generation: wanted }, data: { generation: wanted } }
      })
      return wanted
    },
  }

  return {
    start: () => ledger.start(),
    stages: () => [...ledger.stages.values()],
    stage: (key) => ledger.stages.get(key) ?? null,
    state: stateAt,
    subscribe: (listener) => ledger.subscribe(listener),
    ...looks,
    ...definitions,
    ...wishes,
    async close() {
      await ledger.close()
      await polls.close()
    },
  }
}

/** What is there must be what whoever asks has read. */
function meets(key: StageKey, stage: Stage | null, expected: 'absent' | Digest | null): void {
  if (expected === null) return
  if (expected === 'absent') {
    if (stage === null) return
    throw new AppError('request.conflict', `there is a stage ${key} already; change that one, or take another name`)
  }
  if (stage !== null && editionOf(stage) === expected) return
  throw new AppError('request.precondition', `the stage ${key} was changed meanwhile; read it again`)
}

function invalid(faults: readonly StageFault[]): AppError {
  const problems = faults.map(({ path, message }) => {
    const [what = '', hint] = message.split('\n')
    return { path: path.join('.'), what, ...(hint !== undefined && { hint }) }
  })
  const detail = problems.map(({ path, what, hint }) => `${path} ${what}${hint ? `; ${hint}` : ''}`).join('. ')
  return new AppError('request.invalid', detail, { data: { problems } })
}
