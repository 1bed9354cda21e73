import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AppError } from '../kernel/errors.ts'
import type { Commit, Reply } from './apply-facts.ts'
import { groupCommit } from './group-commit.ts'

/** A commit that is told apart by its number. */
function commit(n: number, rows = 1): Commit {
  const quiet = Array.from({ length: rows }, () => ({ table: 't', key: [n], cells: [n], columns: null }))
  return { facts: [], quiet, atomic: false, fence: null }
}
const numberOf = (one: Commit) => one.quiet[0]!.cells![0] as number

/** Writes are answered when the test says so. */
function setUp(
  answer: (group: readonly Commit[]) => readonly Reply[] = (group) => group.map((one) => [numberOf(one)]),
) {
  const groups: number[][] = []
  const open: (() => void)[] = []
  const commits = groupCommit(async (group) => {
    groups.push(group.map(numberOf))
    await new Promise<void>((resolve) => {
      open.push(resolve)
    })
    return answer(group)
  })
  const turn = () =>
    new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  const release = async () => {
    open.shift()?.()
    await turn()
  }
  return { groups, commits, release, turn }
}

it('writes what gathered meanwhile together', async () => {
  const { groups, commits, release, turn } = setUp()
  const first = [commits.commit(commit(1)), commits.commit(commit(2))]
  await turn()
  const second = [commits.commit(commit(3)), commits.commit(commit(4)), commits.commit(commit(5))]
  await release()
  await release()
  assert.deepEqual(groups, [
    [1, 2],
    [3, 4, 5],
  ])
  assert.deepEqual(await Promise.all([...first, ...second]), [[1], [2], [3], [4], [5]])
})

it('bounds a group, and lets a large commit go alone', async () => {
  const { groups, commits, release, turn } = setUp()
  const all = [
    commits.commit(commit(1, 1500)),
    commits.commit(commit(2, 1500)),
    commits.commit(commit(3, 9000)),
    commits.commit(commit(4)),
  ]
  await turn()
  for (let n = 0; n < 4; n += 1) await release()
  assert.deepEqual(groups, [[1], [2], [3], [4]])
  await Promise.all(all)
})

it('finds the one that cannot be written, and writes the others', async () => {
  const { groups, commits, release, turn } = setUp((group) => {
    if (group.some((one) => numberOf(one) === 2)) throw new AppError('internal', 'cannot be written')
    return group.map((one) => [numberOf(one)])
  })
  const all = [1, 2, 3].map((n) => commits.commit(commit(n)))
  const settled = Promise.allSettled(all)
  await turn()
  for (let n = 0; n < 4; n += 1) await release()
  assert.deepEqual(groups, [[1, 2, 3], [1], [2], [3]])
  assert.deepEqual(
    (await settled).map((one) => one.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

it('refuses a whole group when nothing can be written at all', async () => {
  const { groups, commits, release, turn } = setUp(() => {
    throw new AppError('journal.full', 'no space')
  })
  const settled = Promise.allSettled([1, 2].map((n) => commits.commit(commit(n))))
  await turn()
  await release()
  assert.deepEqual(groups, [[1, 2]])
  assert.ok(
    (await settled).every((one) => one.status === 'rejected' && (one.reason as AppError).code === 'journal.full'),
  )
})

it('writes what it took, and then takes no more', async () => {
  const { commits, release, turn } = setUp()
  const taken = commits.commit(commit(1))
  await turn()
  const waiting = commits.commit(commit(2))
  const closed = commits.close()
  await assert.rejects(commits.commit(commit(3)), { code: 'journal.closed' })
  await release()
  await release()
  await closed
  assert.deepEqual(await Promise.all([taken, waiting]), [[1], [2]])
})
