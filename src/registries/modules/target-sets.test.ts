import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedTargets, type Target, type TargetSet } from '../../engine/target.ts'
import { joinTargets } from './target-sets.ts'

const target = (name: string) => ({ name }) as Target<unknown>
const { signal } = new AbortController()
const names = (list: { readonly targets?: readonly Target<unknown>[] }) => list.targets?.map(({ name }) => name)

test('the targets of all sets', async () => {
  const joined = joinTargets([target('a')], [fixedTargets(target('b')), fixedTargets(target('c'), target('d'))])
  const list = await joined.list(signal)
  assert.deepEqual([list.saw, names(list)], ['complete', ['a', 'b', 'c', 'd']])
})

test('a set that cannot be read, or fails, takes none of the others away', async () => {
  const unread: TargetSet<unknown> = { list: () => Promise.resolve({ saw: 'unavailable', detail: 'no cluster' }) }
  const failing: TargetSet<unknown> = { list: () => Promise.reject(new Error('no file')) }
  const list = await joinTargets([target('a')], [unread, fixedTargets(target('b')), failing]).list(signal)
  assert.deepEqual([list.saw, names(list)], ['unavailable', ['a', 'b']])
  assert.ok(list.saw === 'unavailable' && list.detail === 'no cluster; no file')
})

/** Tells when `change` is called; ends with the signal. */
function changing() {
  const changes: (() => void)[] = []
  const set: TargetSet<unknown> = {
    ...fixedTargets(),
    async *changes(until) {
      while (!until.aborted) {
        await new Promise<void>((resolve) => {
          changes.push(resolve)
          until.addEventListener('abort', () => resolve(), { once: true })
        })
        if (!until.aborted) yield
      }
    },
  }
  return { set, change: () => changes.splice(0).forEach((resolve) => resolve()), waits: () => changes.length > 0 }
}

test('a change of any set is told, and all end together', async () => {
  const [one, two] = [changing(), changing()]
  const stop = new AbortController()
  const told = joinTargets([], [one.set, two.set]).changes!(stop.signal)[Symbol.asyncIterator]()
  for (const each of [one, two, two, one]) {
    const next = told.next()
    while (!each.waits()) await new Promise(setImmediate)
    each.change()
    assert.equal((await next).done, false)
  }
  const last = told.next()
  stop.abort()
  assert.equal((await last).done, true)
  assert.equal(joinTargets([], [fixedTargets()]).changes, undefined)
})
