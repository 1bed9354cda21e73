/**
 * What every source must keep to, whatever it reads. A registry calls this in a test file with a way
 * to open its source on something real.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../../kernel/clock.ts'
import type { Json } from '../../kernel/json.ts'
import { canonicalJson } from '../../kernel/json.ts'
import type { Scope } from '../scope.ts'
import type { Entry, Key, Look, Same, Source, Trouble } from '../source.ts'
import { within } from './within.ts'

export interface SourceSubject<I> {
  readonly source: Source<I>
  /** A scope that holds at least two entries, all of them readable. */
  readonly scope: Scope
  /** Each changes what there is, seen from outside the program. */
  add(): Promise<Key>
  edit(key: Key): Promise<void>
  remove(key: Key): Promise<void>
  /** Makes one entry unreadable without removing it. */
  spoil?(key: Key): Promise<void>
  /** Makes the whole scope unreadable; returns the way back. */
  breakDown?(): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** A look that was read to its end. */
interface Read<I> {
  readonly saw: Look<unknown>['saw']
  readonly entries: ReadonlyMap<Key, Entry<I>>
  readonly same: ReadonlyMap<Key, Same>
  readonly gone: readonly Key[]
  readonly troubles: readonly Trouble[]
  readonly mark: string | undefined
}

type Known = ReadonlyMap<Key, { readonly stamp: string | null; readonly origin: string | null }>

const bound: Ms = 10_000

export function sourceContract<I>(name: string, open: () => Promise<SourceSubject<I>>): void {
  const on: On<I> = (title, body) => {
    test(`${name}: ${title}`, { timeout: 60_000 }, async (context) => {
      const subject = await open()
      try {
        await body(subject, (why) => context.skip(why))
      } finally {
        await subject.close()
      }
    })
  }
  tells(on)
  keepsQuiet(on)
}

type On<I> = (title: string, body: (subject: SourceSubject<I>, skip: (why: string) => void) => Promise<void>) => void

function tells<I>(on: On<I>): void {
  on('a complete look tells each key once, with a digest, a label and an item that JSON can carry', async (subject) => {
    const seen = await look(subject)
    assert.equal(seen.saw, 'complete')
    assert.ok(seen.entries.size >= 2)
    assert.deepEqual(seen.troubles, [])
    for (const entry of seen.entries.values()) {
      assert.ok(entry.digest.length > 0 && typeof entry.label === 'string')
      assert.equal(canonicalJson(JSON.parse(JSON.stringify(entry.item)) as Json), canonicalJson(entry.item as Json))
    }
  })

  on('nothing changed: the same keys and digests, or unchanged against its own mark', async (subject) => {
    const first = await look(subject)
    assert.deepEqual(digests(await look(subject)), digests(first))
    if (first.mark === undefined) return
    const again = await look(subject, first.mark)
    if (again.saw === 'delta') assert.deepEqual([again.entries.size, again.gone], [0, []])
    else if (again.saw === 'complete') assert.deepEqual(digests(again), digests(first))
    else assert.equal(again.saw, 'unchanged')
  })

  on('an edit changes the digest of that key alone, and never hides behind the mark', async (subject) => {
    const first = await look(subject)
    const [key] = first.entries.keys()
    await subject.edit(key!)
    const after = merged(first, await look(subject, first.mark))
    assert.notEqual(after.get(key!), digests(first)[key!])
    assert.deepEqual({ ...Object.fromEntries(after), [key!]: '' }, { ...digests(first), [key!]: '' })
  })

  on('what is added and what is removed is told', async (subject) => {
    const first = await look(subject)
    const added = await subject.add()
    const second = await look(subject, first.mark)
    assert.ok(merged(first, second).has(added))
    await subject.remove(added)
    const third = await look(subject, second.mark)
    assert.ok(!merged(second, third).has(added), 'the removed key is still told')
  })
}

function keepsQuiet<I>(on: On<I>): void {
  on('`Same` is only said of a stamp that was handed in', async (subject) => {
    const first = await look(subject)
    const known: Known = new Map(
      [...first.entries].map(([key, { stamp, origin }]) => [key, { stamp: stamp ?? null, origin: origin ?? null }]),
    )
    const [key] = first.entries.keys()
    await subject.edit(key!)
    const second = await look(subject, undefined, known)
    for (const same of second.same.values()) assert.equal(same.stamp, known.get(same.key)?.stamp)
    assert.ok(!second.same.has(key!), 'an edited entry passed as the same')
    assert.equal(second.entries.size + second.same.size, first.entries.size)
  })

  on('an aborted look ends soon and never tells less than there is', async (subject) => {
    const first = await look(subject)
    const seen = await look(subject, undefined, new Map(), AbortSignal.abort())
    if (seen.saw === 'complete') assert.deepEqual(digests(seen), digests(first))
    else assert.equal(seen.saw, 'unavailable')
  })

  on('what cannot be read is not absent', unreadable)
}

async function unreadable<I>(subject: SourceSubject<I>, skip: (why: string) => void): Promise<void> {
  if (!subject.spoil && !subject.breakDown) return skip('this subject cannot be broken')
  const first = await look(subject)
  if (subject.breakDown) {
    const mend = await subject.breakDown()
    assert.equal((await look(subject)).saw, 'unavailable')
    await mend()
    assert.deepEqual(digests(await look(subject)), digests(first))
  }
  if (!subject.spoil) return
  const [key, entry] = [...first.entries][0]!
  await subject.spoil(key)
  const seen = await look(subject, first.mark)
  if (seen.saw === 'unavailable') return
  const named = seen.troubles.some((one) => ('key' in one ? one.key === key : one.origin === entry.origin))
  assert.ok(named, `nothing names ${key}, which cannot be read: ${JSON.stringify(seen.troubles)}`)
  assert.ok(!seen.gone.includes(key))
}

async function look<I>(
  { source, scope }: SourceSubject<I>,
  mark?: string,
  known: Known = new Map(),
  signal: AbortSignal = AbortSignal.timeout(bound),
): Promise<Read<I>> {
  const entries = new Map<Key, Entry<I>>()
  const same = new Map<Key, Same>()
  const nothing = { entries, same, gone: [], troubles: [], mark: undefined }
  try {
    const ask = { scope, known: () => Promise.resolve(known), ...(mark !== undefined && { mark }) }
    const answer = await within(source.look(ask, signal), 2 * bound, 'the look')
    if (answer.saw === 'unavailable' || answer.saw === 'unchanged') return { ...nothing, saw: answer.saw }
    for await (const item of answer.items) {
      assert.ok(!entries.has(item.key) && !same.has(item.key), `${item.key} is told twice`)
      if ('digest' in item) entries.set(item.key, item)
      else same.set(item.key, item)
    }
    const gone = answer.saw === 'delta' ? answer.gone : []
    return { saw: answer.saw, entries, same, gone, troubles: answer.troubles ?? [], mark: answer.mark }
  } catch (thrown) {
    if (thrown instanceof assert.AssertionError) throw thrown
    return { ...nothing, entries: new Map(), same: new Map(), saw: 'unavailable' }
  }
}

const digests = <I>(seen: Read<I>): Record<Key, string> =>
  Object.fromEntries([...seen.entries.values()].map(({ key, digest }) => [key, digest]))

/** What is known after a second look that may have told only what changed. */
function merged<I>(before: Read<I>, after: Read<I>): Map<Key, string> {
  assert.ok(after.saw === 'complete' || after.saw === 'delta', `the look was ${after.saw}`)
  const all = new Map(
    Object.entries(after.saw === 'delta' ? { ...digests(before), ...digests(after) } : digests(after)),
  )
  for (const key of after.gone) all.delete(key)
  return all
}
