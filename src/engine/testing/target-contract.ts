/**
 * What every target must keep to, whatever it changes. A registry calls this in a test file with a
 * way to open its target on something real and empty.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Json } from '../../kernel/json.ts'
import type { Entry, Key } from '../source.ts'
import type { Batch, Change, Held, Outcome, Target } from '../target.ts'
import { within } from './within.ts'

export interface TargetSubject<I> {
  readonly target: Target<I>
  /** At least three keys that it takes. */
  readonly keys: readonly Key[]
  /** The nth content of a key; another n is another digest and another label. */
  entry(key: Key, n: number): Entry<I>
  /** Makes true what the target accepted and cannot make true itself (a merge, a roll-out). */
  settle?(): Promise<void>
  /** An entry that the target will never take. */
  readonly refused?: Entry<I>
  /** Somebody else removes or overwrites what is there. */
  tamper?(key: Key): Promise<void>
  /** The target becomes another one. */
  replace?(): Promise<void>
  /** The target as a whole stops answering; returns the way back. */
  breakDown?(): Promise<() => Promise<void>>
  close(): Promise<void>
}

const bound: Ms = 10_000
const soon = () => AbortSignal.timeout(bound)

type Subject<I> = TargetSubject<I> & { readonly sender: Sender<I> }

export function targetContract<I>(name: string, open: () => Promise<TargetSubject<I>>): void {
  const on: On<I> = (title, body) => {
    test(`${name}: ${title}`, { timeout: 60_000 }, async (context) => {
      const subject = await open()
      try {
        await body({ ...subject, sender: createSender(subject) }, (why) => context.skip(why))
      } finally {
        await subject.close()
      }
    })
  }
  changes(on)
  looks(on)
  ends(on)
}

type On<I> = (title: string, body: (subject: Subject<I>, skip: (why: string) => void) => Promise<void>) => void

function changes<I>(on: On<I>): void {
  on('it is the same thing each time it is asked', async ({ target }) => {
    assert.equal(await target.identity(soon()), await target.identity(soon()))
  })

  on('what it applied, a look shows: added, changed, removed', async ({ sender, target, keys, entry }, skip) => {
    if (!target.look) return skip('it cannot be looked at')
    const [a, b] = [keys[0]!, keys[1]!]
    await sender.send([put(entry(a, 1)), put(entry(b, 1))])
    assertHolds(await lookAt(target), target, [entry(a, 1), entry(b, 1)])
    await sender.send([put(entry(a, 2))])
    assertHolds(await lookAt(target), target, [entry(a, 2), entry(b, 1)])
    await sender.send([remove(a)])
    assertHolds(await lookAt(target), target, [entry(b, 1)])
  })

  on('the same batch twice ends as once, and a delete of what is not there is applied', async (subject) => {
    const { sender, target, keys, entry } = subject
    const change = put(entry(keys[0]!, 1))
    await sender.send([change])
    const before = target.look && (await lookAt(target))
    if (target.traits.repeat !== 'unsafe') await sender.send([change])
    await sender.send([remove(keys[2]!)])
    if (target.look) assert.deepEqual(await lookAt(target), before)
  })

  on('every change has one outcome, also in a batch without any', async ({ sender, keys, entry }) => {
    const outcomes = await sender.batch([put(entry(keys[0]!, 1)), remove(keys[1]!), put(entry(keys[2]!, 1))])
    assert.deepEqual(new Set(outcomes.keys()), new Set(keys.slice(0, 3)))
    await sender.send([put(entry(keys[1]!, 1))])
    assert.equal((await sender.batch([])).size, 0)
    assert.equal(sender.owed(), null, 'a finishing step is left over although everything is true')
  })
}

function looks<I>(on: On<I>): void {
  on('its mark holds while nothing changes, and no longer', async ({ sender, target, keys, entry, tamper }, skip) => {
    if (!target.look) return skip('it cannot be looked at')
    await sender.send([put(entry(keys[0]!, 1))])
    const first = await target.look({}, soon())
    if (first.saw !== 'complete' || first.mark === undefined) return skip('it gives no mark')
    for await (const _ of first.items) continue
    assert.notEqual((await target.look({ mark: first.mark }, soon())).saw, 'unavailable')
    if (tamper) await tamper(keys[0]!)
    else await sender.send([put(entry(keys[0]!, 2))])
    assert.notEqual((await target.look({ mark: first.mark }, soon())).saw, 'unchanged')
  })
}

function ends<I>(on: On<I>): void {
  on(
    'what it refuses leaves no trace, and holds up nothing else',
    async ({ sender, target, keys, entry, refused }, skip) => {
      if (!refused) return skip('it refuses nothing')
      const outcomes = await sender.batch([put(entry(keys[0]!, 1)), put(refused), put(entry(keys[1]!, 1))])
      assert.equal(outcomes.get(refused.key)?.is, 'rejected')
      assert.deepEqual(
        [keys[0]!, keys[1]!].map((key) => outcomes.get(key)?.is !== 'rejected'),
        [true, true],
      )
      if (target.look) assert.ok(!(await lookAt(target)).has(refused.key))
    },
  )

  on('what others did to it, a look shows', async ({ sender, target, keys, entry, tamper }, skip) => {
    if (!target.look || !tamper) return skip('nobody can')
    await sender.send([put(entry(keys[0]!, 1))])
    const before = await lookAt(target)
    await tamper(keys[0]!)
    assert.notDeepEqual((await lookAt(target)).get(keys[0]!), before.get(keys[0]!))
  })

  on('another one in its place has another identity', async ({ target, replace }, skip) => {
    if (!replace) return skip('it cannot be replaced')
    const before = await target.identity(soon())
    await replace()
    assert.notEqual(await target.identity(soon()), before)
  })

  on('once the lease is lost, nothing more is written', async ({ sender, target, keys, entry }) => {
    await assert.rejects(
      sender.batch([put(entry(keys[0]!, 1)), put(entry(keys[1]!, 1))], { fenced: true }),
      (thrown: unknown) => thrown instanceof AppError && thrown.code === 'journal.fenced',
    )
    if (target.look) assert.equal((await lookAt(target)).size, 0)
  })

  on(
    'a call that is ended ends soon, and tells no outcome that is not true',
    async ({ sender, target, keys, entry }) => {
      const change = put(entry(keys[0]!, 1))
      const outcomes = await sender
        .batch([change], { signal: AbortSignal.abort() })
        .catch(() => new Map<Key, Outcome>())
      if (outcomes.get(keys[0]!)?.is === 'applied' && target.look)
        assertHolds(await lookAt(target), target, [change.entry!])
    },
  )

  on('when it does not answer, it says so as a whole', async ({ sender, target, keys, entry, breakDown }, skip) => {
    if (!breakDown) return skip('it cannot be broken')
    const mend = await breakDown()
    const isWhole = (thrown: unknown) => thrown instanceof AppError && ['retry', 'wait'].includes(thrown.class)
    await assert.rejects(within(target.identity(soon()), 2 * bound, 'identity'), isWhole)
    await assert.rejects(sender.batch([put(entry(keys[0]!, 1))]), isWhole)
    if (target.look) {
      const look = await within(target.look({}, soon()), 2 * bound, 'look').catch(() => null)
      assert.ok(look === null || look.saw === 'unavailable')
    }
    await mend()
    await sender.send([put(entry(keys[0]!, 1))])
  })
}

const put = <I>(entry: Entry<I>): Change<I> => ({
  key: entry.key,
  op: 'put',
  entry,
  effectId: `${entry.key}-${entry.digest}`,
})
const remove = <I>(key: Key): Change<I> => ({ key, op: 'delete', effectId: `${key}-gone` })

interface Sender<I> {
  /** One batch, the last of its pass, and its outcomes. */
  batch(
    changes: readonly Change<I>[],
    how?: { readonly fenced?: boolean; readonly signal?: AbortSignal },
  ): Promise<Map<Key, Outcome>>
  /** Until every change is applied; what waits is made true and asked for again. */
  send(changes: readonly Change<I>[]): Promise<void>
  owed(): Json
}

/** The engine's side of `apply`, without a ledger. */
function createSender<I>({ target, settle }: TargetSubject<I>): Sender<I> {
  let owed: Json = null
  const sender: Sender<I> = {
    owed: () => owed,
    async batch(changes, { fenced = false, signal = soon() } = {}) {
      const batch: Batch<I> = {
        changes,
        last: true,
        owed,
        owe(step) {
          owed = step
          return Promise.resolve()
        },
        fence() {
          if (fenced) throw new AppError('journal.fenced', 'the lease went to another')
        },
      }
      const outcomes = new Map<Key, Outcome>()
      const read = async () => {
        for await (const [key, outcome] of target.apply(batch, signal)) {
          assert.ok(!outcomes.has(key), `${key} has two outcomes`)
          outcomes.set(key, outcome)
        }
      }
      await within(read(), 2 * bound, 'apply')
      return outcomes
    },
    async send(changes) {
      let open = changes
      for (let turn = 0; open.length > 0; turn += 1) {
        assert.ok(turn < 10, `it never becomes true: ${open.map(({ key }) => key).join(', ')}`)
        const outcomes = await sender.batch(open)
        open = open.flatMap((change): Change<I>[] => {
          const outcome = outcomes.get(change.key)
          assert.ok(outcome?.is === 'applied' || outcome?.is === 'waiting', `${change.key}: ${JSON.stringify(outcome)}`)
          return outcome.is === 'waiting' ? [{ ...change, handle: outcome.handle }] : []
        })
        if (open.length > 0) await settle?.()
      }
    },
  }
  return sender
}

async function lookAt<I>(target: Target<I>): Promise<Map<Key, Held>> {
  const look = await within(target.look!({}, soon()), 2 * bound, 'look')
  assert.equal(look.saw, 'complete')
  const held = new Map<Key, Held>()
  if (look.saw !== 'complete') return held
  for await (const item of look.items) {
    assert.ok(!held.has(item.key), `${item.key} is told twice`)
    held.set(item.key, item)
  }
  return held
}

/** Exactly these, as ours where the target tells whose they are. */
function assertHolds<I>(held: ReadonlyMap<Key, Held>, target: Target<I>, entries: readonly Entry<I>[]): void {
  assert.deepEqual([...held.keys()].toSorted(), entries.map(({ key }) => key).toSorted())
  for (const entry of entries) {
    const { digest, label, owned } = held.get(entry.key)!
    assert.notEqual(owned, false, `${entry.key} is not told as ours`)
    if (digest === null) assert.equal(label, entry.label)
    else assert.equal(digest, target.render?.(entry) ?? entry.digest)
  }
}
