/** What every key-value store must do. Runs beside other keys: it touches only what is below its own prefix. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../errors.ts'
import type { KeyValue, KeyValueOperation } from '../key-value.ts'
import { bytes, deleteOf, putOf, read, revisionOf, signal, text, write, type Ground } from './key-value-ground.ts'
import { lookingAgain, watching } from './key-value-watching.ts'

export interface KeyValueUnderTest {
  readonly keyValue: KeyValue
  dispose(): Promise<void>
}

export function keyValueContract(
  name: string,
  open: () => Promise<KeyValueUnderTest>,
  options: { readonly skip?: string | false; readonly runs?: number } = {},
): void {
  describe(`key-value store on ${name}`, { skip: options.skip ?? false }, () => {
    let under: KeyValueUnderTest
    before(async () => {
      under = await open()
    })
    after(() => under?.dispose())
    const ground: Ground = {
      store: () => under.keyValue,
      prefix: `contract/${randomUUID()}/`,
    }
    writing(ground)
    guarding(ground)
    reading(ground)
    lookingAgain(ground)
    watching(ground)
    limits(ground)
    model(ground, options.runs ?? 30)
  })
}

function writing(ground: Ground): void {
  it('reads back what was written, byte for byte', async () => {
    const key = `${ground.prefix}bytes`
    for (const value of [Uint8Array.from({ length: 256 }, (_, n) => n), new Uint8Array(), bytes('ü 😀')]) {
      await ground.store().write({ guards: [], operations: [{ op: 'put', key, value }] }, signal)
      const pair = await read(ground, key)
      assert.deepEqual([...pair!.value], [...value])
      assert.equal(pair!.leased, false)
    }
  })

  it('gives a value the revision that wrote it', async () => {
    const key = `${ground.prefix}revision`
    const first = await revisionOf(ground, [putOf(key, '1')])
    assert.ok(first > 0)
    assert.equal((await read(ground, key))?.revision, first)
    const second = await revisionOf(ground, [putOf(key, '2')])
    assert.ok(second > first)
    await revisionOf(ground, [putOf(`${key}/other`, 'x')])
    assert.equal((await read(ground, key))?.revision, second)
    const snapshot = await ground.store().range({ prefix: key }, signal)
    assert.ok(snapshot.revision >= Math.max(...snapshot.pairs.map((pair) => pair.revision)))
  })

  it('tells the revision of every key of a transaction', async () => {
    const keys = ['a', 'b', 'c'].map((name) => `${ground.prefix}each/${name}`)
    await write(ground, [putOf(keys[1]!, 'same'), putOf(keys[2]!, 'old')])
    const answer = await write(ground, [putOf(keys[0]!, 'new'), putOf(keys[1]!, 'same'), deleteOf(keys[2]!)])
    assert.ok(answer !== 'conflict')
    const revisions = answer.revisions ?? [answer.revision, answer.revision, 0]
    assert.equal((await read(ground, keys[0]!))?.revision, revisions[0])
    assert.equal((await read(ground, keys[1]!))?.revision, revisions[1])
    assert.equal(await read(ground, keys[2]!), undefined)
    assert.equal(revisions[2], 0)
    const again = keys.map((key, at) => ({ key, revision: revisions[at]! }))
    assert.notEqual(await write(ground, [putOf(keys[0]!, 'next')], again), 'conflict')
  })

  it('moves its revision with every change, and only with changes', async () => {
    const key = `${ground.prefix}moves`
    const at = async () => (await ground.store().range({ prefix: ground.prefix, keysOnly: true }, signal)).revision
    const start = await at()
    assert.equal(await at(), start)
    await write(ground, [putOf(key, '1')])
    const put = await at()
    assert.ok(put > start)
    await write(ground, [deleteOf(key)])
    const deleted = await at()
    assert.ok(deleted > put)
    await write(ground, [deleteOf(key)])
    assert.equal(await at(), deleted)
  })

  it('keeps its identity', async () => {
    const identity = await ground.store().identity(signal)
    assert.ok(identity.length > 0)
    assert.equal(await ground.store().identity(signal), identity)
  })
}

function guarding(ground: Ground): void {
  it('guard 0: the key must not exist', async () => {
    const key = `${ground.prefix}guard/absent`
    const guards = [{ key, revision: 0 }]
    assert.notEqual(await write(ground, [putOf(key, '1')], guards), 'conflict')
    assert.equal(await write(ground, [putOf(key, '2')], guards), 'conflict')
    assert.equal(text((await read(ground, key))?.value), '1')
    await write(ground, [deleteOf(key)])
    assert.notEqual(await write(ground, [putOf(key, '3')], guards), 'conflict')
  })

  it('guard revision: the value must be the one that was read', async () => {
    const key = `${ground.prefix}guard/revision`
    const first = await revisionOf(ground, [putOf(key, '1')])
    const second = await revisionOf(ground, [putOf(key, '2')], [{ key, revision: first }])
    assert.equal(await write(ground, [putOf(key, '3')], [{ key, revision: first }]), 'conflict')
    assert.equal(await write(ground, [deleteOf(key)], [{ key, revision: first }]), 'conflict')
    assert.equal(text((await read(ground, key))?.value), '2')
    assert.notEqual(await write(ground, [deleteOf(key)], [{ key, revision: second }]), 'conflict')
    assert.equal(await write(ground, [putOf(key, '3')], [{ key, revision: second }]), 'conflict')
  })

  it('writes nothing at all when one guard does not hold', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => `${ground.prefix}guard/all/${name}`) as [string, string, string]
    const held = await revisionOf(ground, [putOf(a, '1')])
    const operations = [putOf(b, '1'), deleteOf(a), putOf(c, '1')]
    assert.equal(await write(ground, operations, [{ key: c, revision: held }]), 'conflict')
    assert.equal(text((await read(ground, a))?.value), '1')
    assert.equal(await read(ground, b), undefined)
  })

  it('guards keys that it does not write', async () => {
    const [mine, other, none] = ['mine', 'other', 'none'].map((name) => `${ground.prefix}guard/others/${name}`) as [
      string,
      string,
      string,
    ]
    const revision = await revisionOf(ground, [putOf(other, '1')])
    const guards = [
      { key: other, revision },
      { key: none, revision: 0 },
    ]
    assert.notEqual(await write(ground, [putOf(mine, '1')], guards), 'conflict')
    assert.equal(text((await read(ground, other))?.value), '1')
    await write(ground, [putOf(none, '1')])
    assert.equal(await write(ground, [putOf(mine, '2')], guards), 'conflict')
    await write(ground, [deleteOf(none), putOf(other, '2')])
    assert.equal(await write(ground, [putOf(mine, '2')], guards), 'conflict')
    assert.equal(text((await read(ground, mine))?.value), '1')
  })

  it('lets one of many win', async () => {
    const key = `${ground.prefix}guard/race`
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => write(ground, [putOf(key, String(n))], [{ key, revision: 0 }])),
    )
    assert.equal(results.filter((result) => result !== 'conflict').length, 1)
  })
}

function reading(ground: Ground): void {
  const keys = ['a', 'a/', 'a/b', 'a0', 'b', 'b%', 'b_', 'bb', 'é', '\ufffd', '😀'].map(
    (key) => `${ground.prefix}range/${key}`,
  )
  before(() =>
    write(
      ground,
      keys.toReversed().map((key) => putOf(key, `value of ${key}`)),
    ),
  )
  const range = async (ask: Parameters<KeyValue['range']>[0]) => {
    const { pairs } = await ground.store().range({ ...ask, prefix: `${ground.prefix}range/${ask.prefix}` }, signal)
    return pairs
  }
  const names = async (ask: Parameters<KeyValue['range']>[0]) =>
    (await range(ask)).map((pair) => pair.key.slice(ground.prefix.length + 'range/'.length))

  it('reads a prefix in code point order, with no wildcards', async () => {
    assert.deepEqual(
      (await range({ prefix: '' })).map((pair) => [pair.key, text(pair.value)]),
      keys.map((key) => [key, `value of ${key}`]),
    )
    assert.deepEqual(await names({ prefix: 'a/' }), ['a/', 'a/b'])
    assert.deepEqual(await names({ prefix: 'b_' }), ['b_'])
    assert.deepEqual(await names({ prefix: 'nothing' }), [])
  })

  it('reads keys only', async () => {
    const pairs = await range({ prefix: '', keysOnly: true })
    assert.deepEqual(
      pairs.map((pair) => [pair.key, pair.value.length]),
      keys.map((key) => [key, 0]),
    )
    assert.ok(pairs.every((pair) => pair.revision > 0))
  })

  it('reads in pages', async () => {
    const seen: string[] = []
    for (;;) {
      const last = seen.at(-1)
      const page = await range({ prefix: '', limit: 3, ...(last !== undefined && { after: last }) })
      if (page.length === 0) break
      assert.ok(page.length <= 3)
      seen.push(...page.map((pair) => pair.key))
    }
    assert.deepEqual(seen, keys)
    assert.deepEqual(await names({ prefix: 'b', after: `${ground.prefix}range/b%` }), ['b_', 'bb'])
  })

  it('reads more than one page of any store', async () => {
    const many = Array.from({ length: 2500 }, (_, n) => `${ground.prefix}many/${String(n).padStart(5, '0')}`)
    const { operations } = ground.store().limits
    for (let at = 0; at < many.length; at += operations) {
      await write(
        ground,
        many.slice(at, at + operations).map((key) => putOf(key, key)),
      )
    }
    const { pairs } = await ground.store().range({ prefix: `${ground.prefix}many/` }, signal)
    assert.deepEqual(
      pairs.map((pair) => pair.key),
      many,
    )
  })
}

function limits(ground: Ground): void {
  it('takes as many operations and guards as it says', async () => {
    const { operations: most } = ground.store().limits
    const keys = Array.from({ length: most }, (_, n) => `${ground.prefix}limits/${n}`)
    const answer = await write(
      ground,
      keys.map((key) => putOf(key, 'x')),
      keys.map((key) => ({ key, revision: 0 })),
    )
    assert.notEqual(answer, 'conflict')
  })

  it('refuses what is too large for good', async () => {
    const value = new Uint8Array(ground.store().limits.bytes * 2)
    const operations: KeyValueOperation[] = [{ op: 'put', key: `${ground.prefix}limits/large`, value }]
    await assert.rejects(ground.store().write({ guards: [], operations }, signal), (error) => {
      return error instanceof AppError && error.code === 'target.refused'
    })
  })

  it('stops when it is told to', async () => {
    const aborted = AbortSignal.abort()
    const stopped = (error: unknown) => error instanceof AppError && error.code === 'aborted'
    await assert.rejects(async () => ground.store().range({ prefix: ground.prefix }, aborted), stopped)
    await assert.rejects(async () => ground.store().write({ guards: [], operations: [] }, aborted), stopped)
  })
}

interface Planned {
  readonly operations: readonly { readonly key: string; readonly value: string | null }[]
  readonly guards: readonly { readonly key: string; readonly right: boolean }[]
}

function model(ground: Ground, runs: number): void {
  const key = fc.constantFrom('k1', 'k2', 'k3', 'k4')
  const planned: fc.Arbitrary<Planned> = fc.record({
    operations: fc.uniqueArray(fc.record({ key, value: fc.option(fc.constantFrom('x', 'y', ''), { nil: null }) }), {
      selector: (one) => one.key,
      minLength: 1,
    }),
    guards: fc.uniqueArray(fc.record({ key, right: fc.boolean() }), { selector: (one) => one.key, maxLength: 2 }),
  })
  it('does what a map with revisions would do', { timeout: 120_000 }, async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(planned, { maxLength: 8 }), async (transactions) => {
        run += 1
        await agrees(ground, `${ground.prefix}model/${run}/`, transactions)
      }),
      { numRuns: runs },
    )
  })
}

async function agrees(ground: Ground, prefix: string, transactions: readonly Planned[]): Promise<void> {
  const values = new Map<string, string>()
  for (const { operations, guards } of transactions) {
    const stored = await ground.store().range({ prefix }, signal)
    const revisions = new Map(stored.pairs.map((pair) => [pair.key, pair.revision]))
    const answer = await write(
      ground,
      operations.map(({ key, value }) => (value === null ? deleteOf(prefix + key) : putOf(prefix + key, value))),
      guards.map(({ key, right }) => {
        const revision = revisions.get(prefix + key) ?? 0
        return { key: prefix + key, revision: right ? revision : revision === 0 ? 1 : 0 }
      }),
    )
    const holds = guards.every(({ right }) => right)
    assert.equal(answer !== 'conflict', holds)
    for (const { key, value } of holds ? operations : []) {
      if (value === null) values.delete(prefix + key)
      else values.set(prefix + key, value)
    }
    const { pairs } = await ground.store().range({ prefix }, signal)
    assert.deepEqual(
      pairs.map((pair) => [pair.key, text(pair.value)]),
      [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  }
}
