/** A target that holds what it is told, and misbehaves as a test tells it to. */
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Key, Look } from '../../source.ts'
import type { Batch, Change, Held, Outcome, Target } from '../../target.ts'

export interface Item {
  readonly value: string
}

export interface Shelf {
  readonly name: string
  /** What it holds; `owned` as its inventory says. A test may do to it what others would. */
  readonly values: Map<Key, { value: string; owned: boolean }>
  /** Every effect in order: `put k v1`, `delete k`, `finish`. */
  readonly effects: string[]
  /** Every change that was handed over. */
  readonly asked: Change<Item>[]
  identity: string
  fingerprint: string
  looks: 'digests' | 'labels' | 'never'
  repeat: Target<Item>['traits']['repeat']
  page: number
  /** `hangs`: answers nothing and listens to no signal. */
  is: 'up' | 'down' | 'hangs'
  looked: number
  /** Answers instead of doing the change: an outcome, silence, or nothing ever; undefined: do it. */
  answer: (change: Change<Item>) => Outcome | 'silent' | 'hangs' | undefined
  /** Runs before an effect with the batch at hand. */
  before: (batch: Batch<Item>, change: Change<Item>) => void | Promise<void>
  /** A finishing step after each batch with changes. */
  finishes: boolean
  /** Says that somebody else may have changed it. */
  disturb(): void
  /** The same target each time. */
  target(): Target<Item>
  /** Another object for the same target. */
  fresh(): Target<Item>
}

export function createShelf(name = 'shelf', setting: Partial<Omit<Shelf, 'target' | 'fresh' | 'name'>> = {}): Shelf {
  let wake = () => {}
  const shelf: Shelf = {
    name,
    values: new Map(),
    effects: [],
    asked: [],
    identity: `${name}-1`,
    fingerprint: 'f1',
    looks: 'digests',
    repeat: 'safe',
    page: 10,
    is: 'up',
    looked: 0,
    answer: () => undefined,
    before: () => {},
    finishes: false,
    disturb: () => wake(),
    ...setting,
    target: () => target,
    fresh: () => make(),
  }
  const make = (): Target<Item> => ({
    name,
    get fingerprint() {
      return shelf.fingerprint
    },
    get traits() {
      return { repeat: shelf.repeat, page: shelf.page }
    },
    async identity() {
      await answering(shelf)
      return shelf.identity
    },
    ...(shelf.looks !== 'never' && { look: () => lookAt(shelf) }),
    apply: (batch) => apply(shelf, batch),
    async *hints(signal) {
      for (;;) {
        await new Promise<void>((resolve) => {
          wake = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        if (signal.aborted) return
        yield
      }
    },
  })
  const target = make()
  return shelf
}

async function answering(shelf: Shelf): Promise<void> {
  if (shelf.is === 'hangs') await never
  if (shelf.is === 'down') throw new AppError('target.unavailable', 'connection refused')
}

const never = new Promise<never>(() => {})

async function lookAt(shelf: Shelf): Promise<Look<Held>> {
  await answering(shelf)
  shelf.looked += 1
  const items = [...shelf.values].map(([key, { value, owned }]): Held => {
    const digest = shelf.looks === 'labels' ? null : value
    return { key, digest, label: value, owned }
  })
  return { saw: 'complete', items }
}

async function* apply(shelf: Shelf, batch: Batch<Item>): AsyncGenerator<readonly [Key, Outcome]> {
  await answering(shelf)
  for (const change of batch.changes) {
    shelf.asked.push(change)
    const answer = shelf.answer(change)
    if (answer === 'hangs') await never
    if (answer === 'silent') continue
    if (typeof answer === 'object') {
      yield [change.key, answer]
      continue
    }
    if (shelf.finishes && batch.owed === null) await batch.owe({ finish: true } as Json)
    await shelf.before(batch, change)
    effect(shelf, change)
    yield [change.key, { is: 'applied' }]
  }
  if (!shelf.finishes || !batch.last || batch.owed === null) return
  shelf.effects.push('finish')
  await batch.owe(null)
}

function effect(shelf: Shelf, { key, op, entry }: Change<Item>): void {
  if (op === 'delete') {
    shelf.values.delete(key)
    shelf.effects.push(`delete ${key}`)
    return
  }
  const { value } = entry!.item
  shelf.values.set(key, { value, owned: true })
  shelf.effects.push(`put ${key} ${value}`)
}
