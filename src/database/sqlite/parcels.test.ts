import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Commit, Reply } from '../apply-facts.ts'
import { pack, unpack } from './packing.ts'
import { createParcels, writeParcels, type Outcome } from './parcels.ts'

/** A commit that is told apart by its number. */
function commit(n: number, rows = 1): Commit {
  const quiet = Array.from({ length: rows }, () => ({ table: 't', key: null, cells: [n], columns: null }))
  return { facts: [], quiet, atomic: false, fence: null }
}
const numberOf = (one: Commit) => one.quiet[0]!.cells![0] as number
const numbersOf = (commits: readonly Commit[]) => commits.map(numberOf)
const replyTo = (one: Commit): Reply => [numberOf(one)]

const turn = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve)
  })

describe('parcels of commits', () => {
  /** Parcels are answered when the test says so. */
  function setUp(outcome: (one: Commit) => Outcome = replyTo) {
    const sent: number[][] = []
    const open: (() => void)[] = []
    const commits = createParcels(async (packed) => {
      const parcel = unpack(packed)
      sent.push(numbersOf(parcel))
      await new Promise<void>((resolve) => {
        open.push(resolve)
      })
      return parcel.map(outcome)
    })
    const release = () => open.shift()?.()
    return { sent, commits, release }
  }

  it('sends what one turn gathers, and does not wait for what is under way', async () => {
    const { sent, commits, release } = setUp()
    const first = [1, 2].map((n) => commits.commit(commit(n)))
    await turn()
    const second = [3, 4].map((n) => commits.commit(commit(n)))
    await turn()
    assert.deepEqual(sent, [
      [1, 2],
      [3, 4],
    ])
    release()
    assert.deepEqual(await Promise.all(first), [[1], [2]])
    release()
    assert.deepEqual(await Promise.all(second), [[3], [4]])
  })

  it('sends the first of a crowd before the turn ends', async () => {
    const { sent, commits, release } = setUp()
    const all = Array.from({ length: 100 }, (_, n) => commits.commit(commit(n)))
    assert.deepEqual(
      sent.map((parcel) => parcel.length),
      [64],
    )
    await turn()
    assert.deepEqual(
      sent.map((parcel) => parcel.length),
      [64, 36],
    )
    release()
    release()
    assert.deepEqual(
      await Promise.all(all),
      all.map((_, n) => [n]),
    )
  })

  it('lets a large commit travel alone', async () => {
    const { sent, commits, release } = setUp()
    const all = [commits.commit(commit(1)), commits.commit(commit(2, 9000)), commits.commit(commit(3))]
    await turn()
    assert.deepEqual(sent, [[1], [2], [3]])
    for (let n = 0; n < 3; n += 1) release()
    await Promise.all(all)
  })

  it('refuses the one that could not be written', async () => {
    const error = { code: 'internal', detail: 'cannot be written', data: {}, stack: '' } as const
    const { commits, release } = setUp((one) => (numberOf(one) === 2 ? { error } : replyTo(one)))
    const settled = Promise.allSettled([1, 2, 3].map((n) => commits.commit(commit(n))))
    await turn()
    release()
    assert.deepEqual(
      (await settled).map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as AppError).code)),
      [[1], 'internal', [3]],
    )
  })

  it('refuses a parcel that could not be sent', async () => {
    const commits = createParcels(() => Promise.reject(new AppError('journal.full', 'no space')))
    const settled = await Promise.allSettled([1, 2].map((n) => commits.commit(commit(n))))
    assert.ok(
      settled.every((one) => one.status === 'rejected' && (one.reason as AppError).code === 'journal.full'),
      'both are refused',
    )
  })

  it('writes what it took, and then takes no more', async () => {
    const { commits, release } = setUp()
    const taken = commits.commit(commit(1))
    await turn()
    const waiting = commits.commit(commit(2))
    let done = false
    const closed = commits.close().then(() => {
      done = true
    })
    await assert.rejects(commits.commit(commit(3)), { code: 'journal.closed' })
    release()
    await turn()
    assert.equal(done, false)
    release()
    await closed
    assert.deepEqual(await Promise.all([taken, waiting]), [[1], [2]])
  })
})

describe('the writer of parcels', () => {
  function setUp(refusal: (group: readonly Commit[]) => AppError | null = () => null) {
    const groups: number[][] = []
    const write = (group: readonly Commit[]) => {
      groups.push(numbersOf(group))
      const error = refusal(group)
      if (error) throw error
      return group.map(replyTo)
    }
    return { groups, write }
  }

  it('writes the parcels that wait together, and tells them apart again', () => {
    const { groups, write } = setUp()
    assert.deepEqual(writeParcels([pack([commit(1), commit(2)]), pack([commit(3)])], write), [[[1], [2]], [[3]]])
    assert.deepEqual(groups, [[1, 2, 3]])
  })

  it('takes as many as make one group', () => {
    const { groups, write } = setUp()
    const waiting = [[commit(1, 1500)], [commit(2, 400), commit(3, 100)], [commit(4, 100)]].map(pack)
    assert.deepEqual(writeParcels(waiting, write), [[[1]], [[2], [3]]])
    assert.deepEqual(writeParcels([pack([commit(5, 9000)]), pack([commit(6)])], write), [[[5]]])
    assert.deepEqual(groups, [[1, 2, 3], [5]])
  })

  it('finds the one that cannot be written, and writes the others in their order', () => {
    const { groups, write } = setUp((group) =>
      numbersOf(group).includes(2) ? new AppError('internal', 'cannot be written') : null,
    )
    const [first, second] = writeParcels([pack([commit(1), commit(2)]), pack([commit(3)])], write)
    assert.deepEqual(groups, [[1, 2, 3], [1], [2], [3]])
    assert.deepEqual(first![0], [1])
    assert.equal((first![1] as { error: { code: string } }).error.code, 'internal')
    assert.deepEqual(second, [[3]])
  })

  it('refuses a lone one that cannot be written, and no other', () => {
    const { groups, write } = setUp(() => new AppError('internal', 'cannot be written'))
    const [parcel] = writeParcels([pack([commit(1, 9000)]), pack([commit(2)])], write)
    assert.equal((parcel![0] as { error: { code: string } }).error.code, 'internal')
    assert.deepEqual(groups, [[1]])
  })

  it('throws when nothing can be written at all', () => {
    const { groups, write } = setUp(() => new AppError('journal.full', 'no space'))
    assert.throws(() => writeParcels([pack([commit(1)]), pack([commit(2)])], write), { code: 'journal.full' })
    assert.deepEqual(groups, [[1, 2]])
  })
})
