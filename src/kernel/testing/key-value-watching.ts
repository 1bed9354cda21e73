/** The part of the key-value contract about what changed since: by looking again, and by watching. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Changed, RangeAsk } from '../key-value.ts'
import { deleteOf, putOf, revisionOf, signal, text, write, type Ground } from './key-value-ground.ts'

export function lookingAgain(ground: Ground): void {
  it('reads what was written after a revision, and how many keys there are', async () => {
    const below = (name: string) => `${ground.prefix}since/${name}`
    const range = (ask: Omit<RangeAsk, 'prefix'>) => ground.store().range({ prefix: below(''), ...ask }, signal)
    const names = ['a', 'b', 'c', 'd']
    await write(
      ground,
      names.map((name) => putOf(below(name), '1')),
    )
    const first = await range({})
    assert.equal(first.count, 4)
    assert.deepEqual(await range({ since: first.revision }), { revision: first.revision, pairs: [], count: 4 })

    await write(ground, [putOf(below('b'), '2'), putOf(below('e'), '2'), deleteOf(below('c')), deleteOf(below('d'))])
    const second = await range({ since: first.revision })
    assert.deepEqual(
      second.pairs.map((pair) => [pair.key, text(pair.value)]),
      [
        [below('b'), '2'],
        [below('e'), '2'],
      ],
    )
    assert.equal(second.count, 3)
    assert.ok(second.revision > first.revision)
    assert.deepEqual((await range({ since: second.revision })).pairs, [])
    assert.equal((await range({ since: first.revision, keysOnly: true })).pairs[0]?.value.length, 0)
    const page = await range({ after: below('a'), limit: 1 })
    assert.deepEqual([page.pairs.map((pair) => pair.key), page.count], [[below('b')], 3])
  })
}

export function watching(ground: Ground): void {
  const watched = async (
    prefix: string,
    act: (next: () => Promise<readonly Changed[] | null | undefined>, stop: () => void) => Promise<void>,
  ) => {
    const controller = new AbortController()
    const iterator = ground.store().watch(prefix, controller.signal)[Symbol.asyncIterator]()
    const next = async () => {
      const taken = await iterator.next()
      return taken.done === true ? undefined : taken.value
    }
    try {
      assert.deepEqual(await next(), [], 'says that it stands')
      await act(next, () => controller.abort())
    } finally {
      controller.abort()
      await iterator.return?.()
    }
  }

  it('tells of what is put and removed below a prefix', { timeout: 30_000 }, async () => {
    const below = (name: string) => `${ground.prefix}watch/one/${name}`
    await watched(below(''), async (next) => {
      const one = await revisionOf(ground, [putOf(below('a'), '1')])
      assert.deepEqual(await next(), [{ key: below('a'), revision: one }])
      await write(ground, [putOf(`${ground.prefix}watch/onf`, 'elsewhere')])
      const two = await write(ground, [deleteOf(below('a')), putOf(below('b'), '1')])
      const told = await next()
      assert.deepEqual(
        told?.map(({ key }) => key),
        [below('a'), below('b')],
      )
      assert.ok(two !== 'conflict' && told!.every(({ revision }) => revision > one && revision <= two.revision))
    })
  })

  it('tells a slow reader of every key at least once', { timeout: 30_000 }, async () => {
    const keys = Array.from({ length: 300 }, (_, n) => `${ground.prefix}watch/slow/${n % 100}`)
    await watched(`${ground.prefix}watch/slow/`, async (next) => {
      let newest = 0
      for (const [n, key] of keys.entries()) newest = await revisionOf(ground, [putOf(key, String(n))])
      const seen = new Map<string, number>()
      while (Math.max(0, ...seen.values()) < newest) {
        for (const { key, revision } of (await next()) ?? []) {
          assert.ok(revision >= (seen.get(key) ?? 0), 'in order')
          seen.set(key, revision)
        }
      }
      assert.deepEqual([...seen.keys()].toSorted(), [...new Set(keys)].toSorted())
    })
  })

  it('ends with the signal, also while it waits', { timeout: 30_000 }, async () => {
    await watched(`${ground.prefix}watch/none/`, async (next, stop) => {
      const waiting = next()
      stop()
      assert.equal(await waiting, undefined)
      assert.equal(await next(), undefined)
    })
  })
}
