/** Writes steps as guarded transactions, several under way at a time. */
import type { Key } from '../../engine/source.ts'
import type { Outcome } from '../../engine/target.ts'
import { AppError, asAppError } from '../../kernel/errors.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import { pack, transactionOf, type Step } from './steps.ts'
import type { View } from './view.ts'

export interface WriteOptions {
  readonly store: KeyValue
  readonly view: View
  /** The step for a capability as the store holds it now; called after a conflict. */
  readonly stepNow: (id: string) => Promise<Step>
  /** Called before each transaction; throws when we may not write any more. */
  readonly fence: () => void
  readonly signal: AbortSignal
}

type Told = readonly [Key, Outcome]

/** Transactions under way at the same time. */
const inFlight = 16
/** How often a transaction that somebody else was faster than is read and written again. */
const attempts = 3
/** Reasons of `target.refused` that concern the store as a whole, not what was written. */
const wholeStore: ReadonlySet<unknown> = new Set(['no-space', 'permission', 'credentials'])

/** Yields outcomes as they come; throws what concerns the whole store after all that was under way. */
export async function* writeSteps(steps: readonly Step[], options: WriteOptions): AsyncGenerator<Told> {
  const packs = pack(steps, options.store.limits)
  const underWay = new Map<number, Promise<{ readonly at: number; readonly told: Told[]; readonly failed?: unknown }>>()
  let failed: unknown = null
  for (let next = 0; next < packs.length || underWay.size > 0;) {
    for (; next < packs.length && underWay.size < inFlight && failed === null; next += 1) {
      const at = next
      const write = writePack(packs[at]!, options, 1)
      underWay.set(
        at,
        write.then(
          (told) => ({ at, told }),
          (thrown: unknown) => ({ at, told: [], failed: thrown }),
        ),
      )
    }
    if (underWay.size === 0) break
    const done = await Promise.race(underWay.values())
    underWay.delete(done.at)
    failed ??= done.failed ?? null
    yield* done.told
  }
  if (failed !== null) throw asAppError(failed, 'target.unavailable')
}

async function writePack(steps: readonly Step[], options: WriteOptions, attempt: number): Promise<Told[]> {
  const { store, view, fence, signal } = options
  fence()
  try {
    const answer = await store.write(transactionOf(steps), signal)
    if (answer === 'conflict') return await overtaken(steps, options, attempt)
    view.wrote(steps, answer)
    return steps.map(({ id }) => [id, { is: 'applied', receipt: { revision: answer.revision } }])
  } catch (thrown) {
    const error = asAppError(thrown, 'target.unavailable')
    if (error.code === 'target.refused') return refused(steps, options, error)
    if (error.data['effect'] !== 'none') view.doubt(steps)
    throw error
  }
}

/** Somebody wrote in between: read again, and write what is then still to be written. */
async function overtaken(steps: readonly Step[], options: WriteOptions, attempt: number): Promise<Told[]> {
  if (attempt === attempts) {
    if (steps.length > 1) return halves(steps, options)
    const [{ id }] = steps as [Step]
    const error = new AppError('target.conflict', `${id} was changed by another writer ${attempts} times in a row`)
    return [[id, { is: 'failed', error, effect: 'none' }]]
  }
  const now = await Promise.all(steps.map(({ id }) => options.stepNow(id)))
  const told = now.flatMap((step): Told[] => {
    const outcome = outcomeWithoutWriting(step)
    return outcome ? [[step.id, outcome]] : []
  })
  const left = now.filter((step) => outcomeWithoutWriting(step) === null)
  return left.length === 0 ? told : [...told, ...(await writePack(left, options, attempt + 1))]
}

/** One that is refused must not keep the others out; a store may also take less at once than we think. */
function refused(steps: readonly Step[], options: WriteOptions, error: AppError): Promise<Told[]> {
  if (wholeStore.has(error.data['reason'])) {
    throw new AppError('target.unavailable', error.detail, { cause: error, data: { ...error.data, effect: 'none' } })
  }
  if (steps.length > 1) return halves(steps, options)
  const outcome: Outcome = { is: 'rejected', why: 'refused', detail: error.detail, until: 'item' }
  return Promise.resolve([[steps[0]!.id, outcome]])
}

async function halves(steps: readonly Step[], options: WriteOptions): Promise<Told[]> {
  const middle = Math.ceil(steps.length / 2)
  const first = await writePack(steps.slice(0, middle), options, 1)
  return [...first, ...(await writePack(steps.slice(middle), options, 1))]
}

/** null: there is something to write. */
export function outcomeWithoutWriting(step: Step): Outcome | null {
  if (step.blocked !== null) {
    const detail = `${step.blocked} is kept alive by the lease of another process and is not overwritten`
    return { is: 'rejected', why: 'refused', detail, until: 'target' }
  }
  return step.operations.length === 0 ? { is: 'applied' } : null
}
