/**
 * Stage 4: sends one batch to a target and records each outcome as it comes. The durable order is
 * W2 (only where a repetition could be seen, or nothing can), E, W3; W4, the cursor, is deliver.ts's.
 */
import { createDeadline } from '../kernel/deadline.ts'
import { digestOf } from '../kernel/digest.ts'
import { AppError, asAppError } from '../kernel/errors.ts'
import type { Json } from '../kernel/json.ts'
import { commit, limitsOf, type Context } from './context.ts'
import type { Fact, Quiet } from './journal.ts'
import { entryOf, type Planned } from './plan.ts'
import { recordLost, recordOutcome, recordSent, type At } from './record.ts'
import { entries, type DeliveryRow } from './tables.ts'
import type { Batch, Change, Outcome, Target } from './target.ts'

/** A planned change with its row as the notes before it left it. */
export interface Ready {
  readonly planned: Planned
  readonly row: DeliveryRow | null
}

export interface Applying<I> {
  readonly context: Context<I>
  readonly target: Target<I>
  readonly at: At
  readonly owed: { readonly step: Json; owe(step: Json): Promise<void> }
  /** Called with every outcome once it is durable. */
  counted(outcome: Outcome['is']): void
}

interface Flight extends Ready {
  readonly change: Change<never>
}

/** Throws what the target threw when it did not answer as a whole; what it said before that is recorded. */
export async function applyBatch<I>(applying: Applying<I>, ready: readonly Ready[], last: boolean): Promise<void> {
  const { context, at } = applying
  const flights = await takeOff(applying, ready)
  if (flights.size === 0 && !last) return
  const recorder = createRecorder(applying, flights)
  let failure: AppError | null = null
  try {
    await run(
      applying,
      [...flights.values()].map((flight) => flight.change),
      last,
      recorder.take,
    )
  } catch (thrown) {
    failure = asAppError(thrown, 'target.unavailable')
  }
  await recorder.end()
  // Without a word about it: a target where repeating is safe is simply asked again.
  const silent = [...flights.values()].filter((flight) => !recorder.told.has(flight.planned.key))
  const recorded = silent.filter((flight) => flight.row?.state === 'sending' || failure === null)
  const facts = recorded.map((flight) => {
    const row = flight.row ?? null
    if (row === null) return recordOutcome(context, at, flight.planned, null, noOutcome, flight.change.effectId)
    return recordLost(context, at, flight.planned, row, failure === null ? 'no-outcome' : 'target-unavailable')
  })
  await commit(
    context,
    facts.flatMap((record) => record.facts),
    facts.flatMap((record) => record.quiet),
  )
  for (const _ of recorded) applying.counted('failed')
  if (failure) throw failure
}

const noOutcome: Outcome = {
  is: 'failed',
  error: new AppError('target.unavailable', 'the target gave no outcome for the key'),
  effect: 'unknown',
}

/** Loads the items, drops what changed since it was planned, and records W2. */
async function takeOff<I>(applying: Applying<I>, ready: readonly Ready[]): Promise<Map<string, Flight>> {
  const { context, target } = applying
  const sync = context.spec.name
  const puts = ready.filter(
    ({ planned }) => planned.entry !== null && planned.decision.do === 'send' && planned.decision.op === 'put',
  )
  const keys = puts.map(({ planned }) => planned.key)
  const rows = keys.length === 0 ? [] : await context.journal.select(entries, { where: { sync, key: { in: keys } } })
  const byPlace = new Map(rows.map((row) => [`${row.scope}\0${row.key}`, row]))
  const flights = new Map<string, Flight>()
  const sent: Fact[] = []
  const again: Quiet[] = []
  for (const { planned, row } of ready) {
    if (planned.decision.do !== 'send') continue
    const { op, resume } = planned.decision
    const item = planned.entry && byPlace.get(`${planned.entry.scope}\0${planned.key}`)
    // Newer than the plan: its position is past the plan's, so the next plan has it.
    if (op === 'put' && item?.seq !== planned.entry?.seq) continue
    const effectId = effectIdOf(sync, target.name, planned, row)
    const change = {
      key: planned.key,
      op,
      effectId,
      ...(op === 'put' && item && { entry: entryOf(item) }),
      ...(row?.digest != null && { was: { key: planned.key, digest: row.digest } }),
      ...(resume && { handle: row!.handle }),
    } as Change<never>
    let flown: DeliveryRow | null = row
    // What a look cannot tell is noted even where repeating is safe: its entry may be gone when it is found.
    const { repeat, torn } = target.traits
    if ((repeat !== 'safe' || torn || !target.look) && !resume) {
      const marked = recordSent(context, applying.at, planned, row, effectId)
      flown = marked.row
      sent.push(...marked.facts)
      again.push(...marked.quiet)
    }
    flights.set(planned.key, { planned, row: flown, change })
  }
  await commit(context, sent, again)
  return flights
}

/** Equal for every repetition of one change; another position of entry or delivery is another change. */
function effectIdOf(sync: string, target: string, planned: Planned, row: DeliveryRow | null): string {
  const want = planned.decision.do === 'send' ? planned.decision.want : null
  const repeated = row !== null && row.effectId !== null && row.want === want
  if (repeated && ['sending', 'unsure', 'failed', 'waiting', 'pending', 'held'].includes(row.state)) return row.effectId
  return digestOf([sync, target, planned.key, want, planned.entry?.seq ?? 0, planned.delivery?.seq ?? 0]).slice(0, 32)
}

async function run<I>(
  applying: Applying<I>,
  changes: readonly Change<never>[],
  last: boolean,
  take: (key: string, outcome: Outcome) => void,
): Promise<void> {
  const { context, target, owed } = applying
  const deadline = createDeadline(
    context.clock,
    limitsOf(context.spec).apply,
    context.signal,
    `apply to ${target.name}`,
  )
  const batch: Batch<I> = {
    changes: changes as readonly Change<I>[],
    last,
    owed: owed.step,
    owe: (step) => owed.owe(step),
    fence: () => void context.fence(),
  }
  try {
    for await (const [key, outcome] of deadline.each(target.apply(batch, deadline.signal))) take(key, outcome)
  } finally {
    deadline.end()
  }
}

/** Gathers outcomes while the one commit before them is being written. */
function createRecorder<I>(applying: Applying<I>, flights: ReadonlyMap<string, Flight>) {
  const { context, at } = applying
  const told = new Set<string>()
  let gathered: [Flight, Outcome][] = []
  let writing: Promise<void> | null = null
  let failure: unknown = null

  async function write(): Promise<void> {
    while (gathered.length > 0) {
      const now = gathered
      gathered = []
      const facts: Fact[] = []
      const quiet: Quiet[] = []
      for (const [flight, outcome] of now) {
        const record = recordOutcome(context, at, flight.planned, flight.row, outcome, flight.change.effectId)
        facts.push(...record.facts)
        quiet.push(...record.quiet)
      }
      await commit(context, facts, quiet)
      for (const [, outcome] of now) applying.counted(outcome.is)
    }
  }

  return {
    told,
    take(key: string, outcome: Outcome) {
      const flight = flights.get(key)
      if (!flight || told.has(key)) {
        context.logger.warn(
          { sync: context.spec.name, target: at.target, key },
          'target gave an outcome that nobody asked for',
        )
        return
      }
      told.add(key)
      gathered.push([flight, outcome])
      writing ??= write()
        .catch((thrown: unknown) => {
          failure = thrown
        })
        .finally(() => {
          writing = null
        })
    },
    async end() {
      while (writing !== null) await writing
      if (failure === null) await write()
      if (failure !== null) throw failure
    },
  }
}
