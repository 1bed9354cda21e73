/** What holds a deploy back, in the order in which it is asked. A person may release each for exactly one version. */
import type { Gate, GatedChange, GateView } from '../../../engine/target.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { revisionOf, type Stage, type StageKey } from '../model.ts'
import type { Book, StageState } from '../stages/book.ts'
import { configOf } from '../stages/definition.ts'
import { approvalsOf } from '../stages/state.ts'
import { compareTags } from '../tags/select.ts'
import { opensAt, parseWindow } from './window.ts'

export const gateNames = ['paused', 'baseline', 'never-down', 'approval', 'window'] as const
/** The name of a gate is the reason of what it holds. */
export type GateName = (typeof gateNames)[number]

export interface GateParts {
  readonly book: Pick<Book, 'stage' | 'state'>
  /** Whether anything runs at a stage, as its deployer last saw; null: it cannot tell. */
  runs(key: StageKey): boolean | null
}

interface Asked {
  readonly stage: Stage
  readonly state: StageState
  /** Of the version that is to be deployed. */
  readonly revision: string
  readonly tag: string
  readonly was: GatedChange['was']
  readonly now: Instant
}

type Rule = (asked: Asked) => 'go' | 'person' | Instant

export function gatesOf(parts: GateParts): readonly Gate[] {
  const rules = rulesOf(parts)
  return gateNames.map((name) => ({
    name,
    ask(change: GatedChange, { now }: GateView) {
      const { entry, key, was } = change
      const stage = parts.book.stage(key)
      // What is removed from the config or the API is only let go of.
      if (change.op === 'delete' || !entry || stage === null) return 'go'
      const state = parts.book.state(key)
      const wish = state.asked?.revision === entry.digest ? state.asked : null
      if (wish && (wish.force || surprises.has(name))) return 'go'
      const until = rules[name]({ stage, state, revision: entry.digest, tag: entry.label, was, now })
      return until === 'go' ? 'go' : { hold: name, subject: change.subject, until }
    },
  }))
}

/** Those that guard against what nobody wanted: what a person asks for passes them. */
const surprises: ReadonlySet<GateName> = new Set(['baseline', 'never-down', 'approval'])

function rulesOf({ runs }: GateParts): { readonly [name in GateName]: Rule } {
  return {
    'paused': ({ state }) => (state.paused === null ? 'go' : 'person'),
    'baseline': ({ stage, state, revision, was }) => {
      if (stage.deployOnFirst || was !== undefined) return 'go'
      // Where nobody has looked yet, as before the plan of a new stage, this would become it.
      const first = state.config === configOf(stage) ? state.baseline?.digest : revision
      if (first === undefined) return 'go'
      if (revision !== first && revision !== revisionOf(first, state.generation)) return 'go'
      return runs(stage.key) === false ? 'go' : 'person'
    },
    'never-down': ({ stage, tag, was }) => {
      if (stage.allowDowngrade || was?.label === undefined) return 'go'
      return compareTags(stage.selection, tag, was.label) === -1 ? 'person' : 'go'
    },
    'approval': ({ stage, state, revision, now }) => {
      if (stage.autoDeploy && stage.approval === null) return 'go'
      const needed = stage.approval?.count ?? 1
      return approvalsOf(stage, state, revision, now).length >= needed ? 'go' : 'person'
    },
    'window': ({ stage, now }) => {
      const windows = stage.windows.flatMap((text) => parseWindow(text) ?? [])
      return opensAt(windows, now) ?? 'go'
    },
  }
}
