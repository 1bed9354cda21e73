/**
 * The delivering half of a pass for one target: identity, look, plan, gates, apply, cursor, finish.
 * Each target runs this on its own; one that fails or hangs delays no other.
 */
import { AppError, asAppError } from '../kernel/errors.ts'
import type { Json } from '../kernel/json.ts'
import { applyBatch, type Applying, type Ready } from './apply.ts'
import { commit, commitWhole, type Context } from './context.ts'
import type { TargetView } from './decide.ts'
import { createGatekeeper, type Allowance, type Gatekeeper, type Ruling } from './gate.ts'
import { quietPatch, type Fact, type Quiet, type Stored } from './journal.ts'
import type { Planned, Planner, PlanFor, PlanPage } from './plan.ts'
import { createRetries } from './retries.ts'
import { recordHeld, recordNote, recordStray, type At } from './record.ts'
import { deliveries, targets, type TargetRow } from './tables.ts'
import type { Held, Outcome, Target } from './target.ts'
import { arrive, lookAtTarget, recoveredTarget, unavailableTarget, type TargetLook } from './target-state.ts'

export interface DeliverOptions {
  /** Look at the target even where nothing asks for it: the periodic search for drift. */
  readonly look: boolean
  /** A glance at the plan said that there is nothing to do unless a look finds something. */
  readonly idle: boolean
  /** First time in this process: what is held is gated again. */
  readonly first: boolean
  /** At the end, settle what is owed; else that is left to the pass whose looks still run. */
  readonly finish: boolean
  readonly allowance: Allowance
}

/** How a round ended. */
export interface Round {
  readonly target: string
  readonly state: 'ok' | 'unavailable'
  readonly detail: string | null
}

/** What rounds did: added to as it happens, so that also a round that failed half-way counts. */
export interface Counts {
  applied: number
  adopted: number
  drifted: number
  /** Parts of plans that were carried out: a round gets on also where nothing had to be done. */
  pages: number
}

export async function deliver<I>(
  context: Context<I>,
  target: Target<I>,
  planner: Planner,
  options: DeliverOptions,
  counts: Counts,
): Promise<Round> {
  try {
    await round(context, target, planner, options, counts)
    return { target: target.name, state: 'ok', detail: null }
  } catch (thrown) {
    const error = asAppError(thrown, 'target.unavailable')
    if (error.code.startsWith('journal.') || context.signal.aborted) throw error
    await unavailableTarget(context, target, error)
    return { target: target.name, state: 'unavailable', detail: error.message }
  }
}

async function round<I>(
  context: Context<I>,
  target: Target<I>,
  planner: Planner,
  options: DeliverOptions,
  counts: Counts,
): Promise<void> {
  const { spec, clock, journal } = context
  const condition = journal.condition()
  // What could not be recorded must not be done.
  if (condition.is === 'degraded') throw new AppError('journal.full', condition.why)
  const arrived = await arrive(context, target)
  let row = arrived.row
  const looked = await lookAtTarget(context, target, row, options.look)
  const gatekeeper = await createGatekeeper(context, row, options.allowance)
  const retryAt = createRetries(clock, context.random)
  const at: At = { target: target.name, epoch: row.epoch, holdsOf: gatekeeper.holdsOf, retryAt }
  const owed = { step: row.owed, owe: (step: Json) => owe(context, target.name, owed, step) }
  const applying: Applying<I> = {
    context,
    target,
    at,
    owed,
    counted: (outcome: Outcome['is']) => {
      if (outcome === 'applied') counts.applied += 1
    },
  }
  const view: TargetView = {
    now: clock.now(),
    epoch: row.epoch,
    renewed: arrived.renewed,
    regate: options.first || arrived.renewed,
    firstSight: spec.firstSight,
    drift: spec.drift,
    repeat: target.traits.repeat,
    torn: target.traits.torn === true,
  }
  const plan: PlanFor = { target: target.name, view, render: target.render?.bind(target) as PlanFor['render'] }
  for await (const page of pagesOf(context, planner, plan, row, looked, gatekeeper, options)) {
    await carryOut(applying, page, gatekeeper, counts)
    counts.pages += 1
    row = await advance(context, row, page.upto, looked.mark, gatekeeper)
  }
  if (owed.step !== null && options.finish) await applyBatch(applying, [], true)
  if (arrived.row.state === 'unavailable') await recoveredTarget(context, target.name)
}

/** Which plan: everything after a look or at first sight, else what changed; what is held or was cut off, once per process. */
async function* pagesOf(
  context: Context,
  planner: Planner,
  plan: PlanFor,
  row: Stored<TargetRow>,
  looked: TargetLook,
  gatekeeper: Gatekeeper,
  options: DeliverOptions,
): AsyncGenerator<PlanPage> {
  if (looked.saw === 'complete') return yield* ahead(planner.everything(plan, looked.held))
  if (row.cursor === 0) return yield* ahead(planner.everything(plan, undefined))
  if (looked.saw === 'delta') yield* planner.some(plan, looked.found)
  if (options.first) {
    const left = [...gatekeeper.held(), ...(await cutOff(context, plan.target))]
    yield* planner.some(plan, new Map<string, Held | null | undefined>(left.map((key) => [key, undefined])))
  }
  if (!options.idle) yield* planner.changes(plan, row.cursor)
}

/** Plans the next page while one is being delivered. Only where no two pages have a key in common. */
async function* ahead(pages: AsyncIterable<PlanPage>): AsyncGenerator<PlanPage> {
  const iterator = pages[Symbol.asyncIterator]()
  for (let next = iterator.next(); ;) {
    const { done, value } = await next
    if (done) return
    next = iterator.next()
    next.catch(() => {})
    yield value
  }
}

/** Keys that a process was sending when it died. */
async function cutOff({ spec, journal }: Context, target: string): Promise<string[]> {
  const where = { sync: spec.name, target, state: 'sending' } as const
  return (await journal.select(deliveries, { where })).map((row) => row.key)
}

async function carryOut<I>(
  applying: Applying<I>,
  page: PlanPage,
  gatekeeper: Gatekeeper,
  counts: Counts,
): Promise<void> {
  const { context, at } = applying
  const facts: Fact[] = []
  const ready: Ready[] = []
  const held: (Ready & { readonly ruling: StillHeld })[] = []
  const rule = async (one: Ready) => {
    const ruling = await gatekeeper.rule(one.planned)
    const goesOn = applying.target.traits.goesOn === true && isAccepted(one.planned, at)
    if (ruling.go) ready.push(one)
    else if (!goesOn) held.push({ ...one, ruling })
    else if ((one.planned.delivery?.due ?? 0) <= context.clock.now()) ready.push(toItsEnd(one))
  }
  for (const planned of page.planned) {
    const noted = note(applying, planned, counts)
    facts.push(...noted.facts)
    if (planned.decision.do === 'send') await rule({ planned, row: noted.row })
  }
  const recorded = () => held.flatMap(({ planned, row, ruling }) => recordHeld(context, at, planned, row, ruling).facts)
  await commit(context, facts)
  // A release that came in between must not be taken back: what it let go is asked about again.
  while (!(await commitWhole(context, recorded(), spentOf(context, at.target, gatekeeper)))) {
    await gatekeeper.refresh()
    for (const one of held.splice(0)) await rule(one)
  }
  const size = applying.target.traits.page
  for (let from = 0; from < ready.length; from += size)
    await applyBatch(applying, ready.slice(from, from + size), false)
}

/** The target accepted something for the key, and has not said yet what became of it. */
function isAccepted({ delivery }: Planned, at: At): boolean {
  return delivery?.state === 'waiting' && delivery.op === 'put' && delivery.epoch === at.epoch
}

/** Asks about what was accepted, in place of what is held. */
function toItsEnd({ planned, row }: Ready): Ready {
  const { op, want } = planned.delivery!
  const decision = { do: 'send', op, want, note: null, hold: null, resume: true, outdated: true } as const
  return { planned: { ...planned, entry: null, digest: want, decision }, row }
}

type StillHeld = Extract<Ruling, { go: false }>

function spentOf({ spec }: Context, target: string, gatekeeper: Gatekeeper): Quiet[] {
  const bucket = gatekeeper.bucket()
  if (bucket === null) return []
  return [quietPatch(targets, { sync: spec.name, target, budgetLeft: bucket.left, budgetAt: bucket.at })]
}

function note<I>(
  applying: Applying<I>,
  planned: Planned,
  counts: Counts,
): { row: Ready['row']; facts: readonly Fact[] } {
  const { context, at } = applying
  if (planned.decision.do === 'stray') return { row: null, facts: recordStray(context, at, planned).facts }
  const { row, record } = recordNote(context, at, planned)
  const event = planned.decision.do === 'nothing' ? null : planned.decision.note?.event
  if (event === 'adopted') counts.adopted += 1
  if (event === 'drifted') counts.drifted += 1
  return { row, facts: record.facts }
}

/** W4: every entry up to here has an outcome in the ledger. */
async function advance(
  context: Context,
  row: Stored<TargetRow>,
  upto: number | null,
  mark: string | null,
  gatekeeper: Gatekeeper,
): Promise<Stored<TargetRow>> {
  const bucket = gatekeeper.bucket()
  const next = {
    ...row,
    cursor: Math.max(row.cursor, upto ?? 0),
    mark: upto === null ? row.mark : mark,
    ...(bucket && { budgetLeft: bucket.left, budgetAt: bucket.at }),
  }
  if (next.cursor === row.cursor && next.mark === row.mark) return next
  const { sync, target, cursor } = next
  await commit(context, [], [quietPatch(targets, { sync, target, cursor, mark: next.mark })])
  return next
}

async function owe(context: Context, target: string, owed: { step: Json }, step: Json): Promise<void> {
  await commit(context, [], [quietPatch(targets, { sync: context.spec.name, target, owed: step })])
  owed.step = step
}
