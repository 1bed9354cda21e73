/**
 * Any order of what clusters tell, what people do, what forges fail at and what processes die of: one end. For
 * the test beside the target, and for the proof.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ForgeFault, ForgeStep } from '../../../connectors/forge/testing/memory-forge.ts'
import { human } from '../../../connectors/forge/testing/memory-repository.ts'
import { clusterMap, createFileHouse, ourBranch, registryPath, type FileHouse } from './file-house.ts'

const names = ['a', 'b', 'c', 'd']

type Act =
  | { readonly is: 'tell'; readonly name: string; readonly message: string }
  | { readonly is: 'drop'; readonly name: string }
  | { readonly is: 'pass'; readonly after: number }
  | { readonly is: 'merge'; readonly squash: boolean; readonly removeBranch: boolean }
  | { readonly is: 'by-hand' | 'wipe'; readonly name: string }
  | { readonly is: 'fault'; readonly step: ForgeStep; readonly fault: ForgeFault; readonly times: number }
  | { readonly is: 'restart'; readonly forgetful: boolean }
  | { readonly is: 'close' | 'commit-to-branch' | 'remove-branch' | 'base-goes-on' | 'base-goes-back' }

const name = fc.constantFrom(...names)
const fault: fc.Arbitrary<ForgeFault> = fc.oneof(
  fc.constantFrom(409, 422, 429, 500, 503).map((status) => ({ is: 'status' as const, status })),
  fc.constant({ is: 'status' as const, status: 403, retryAfter: 60_000 }),
  fc.constantFrom({ is: 'lost' as const }, { is: 'hangs' as const }),
)
const steps: readonly ForgeStep[] = [
  'head',
  'read',
  'commit',
  'move',
  'remove',
  'find',
  'open',
  'update',
  'close',
  'follows',
  'comment',
]

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ is: fc.constant('tell' as const), name, message: fc.constantFrom('new', 'x', 'y', 'z') }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      is: fc.constant('pass' as const),
      after: fc.constantFrom(1_000, 61_000, 301_000, 3_601_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('merge' as const), squash: fc.boolean(), removeBranch: fc.boolean() }),
  },
  fc.record({ is: fc.constant('drop' as const), name }),
  fc.record({ is: fc.constantFrom('by-hand' as const, 'wipe' as const), name }),
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('fault' as const),
      step: fc.constantFrom(...steps),
      fault,
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  fc.record({ is: fc.constant('restart' as const), forgetful: fc.boolean() }),
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constantFrom(
        'close' as const,
        'commit-to-branch' as const,
        'remove-branch' as const,
        'base-goes-on' as const,
        'base-goes-back' as const,
      ),
    }),
  },
)

let made = 0

function perform(house: FileHouse, one: Exclude<Act, { is: 'pass' }>): void {
  const { repository } = house.forge
  const [open] = house.open()
  const branch = repository.branches.get(ourBranch)
  made += 1
  switch (one.is) {
    case 'tell':
      house.tell(`default/${one.name}`, one.message)
      return
    case 'drop':
      return house.drop(`default/${one.name}`)
    case 'merge':
      // Forges refuse what does not fit together.
      try {
        if (open !== undefined) repository.merge(open, one)
      } catch (thrown) {
        assert.match(String(thrown), /conflict|differ|both/i)
      }
      return
    case 'by-hand':
      repository.push('main', { [registryPath]: editOf(house.text()!, one.name, 'by hand') })
      return
    case 'wipe':
      repository.push('main', { [registryPath]: editOf(house.text()!, one.name, null) })
      return
    case 'fault':
      return house.forge.fail(one.step, one.fault, one.times)
    case 'restart':
      return house.restart(one)
    case 'close':
      if (open !== undefined) repository.closeRequest(open)
      return
    case 'commit-to-branch':
      if (branch !== undefined) repository.push(ourBranch, { 'by-hand.txt': `${made}` })
      return
    case 'remove-branch':
      if (branch !== undefined) repository.set(ourBranch, null)
      return
    case 'base-goes-on':
      repository.push('main', { 'other.txt': `${made}` })
      return
    case 'base-goes-back':
      if (repository.commits.get(repository.branches.get('main')!)!.parents.length > 0)
        repository.forcePush('main', { 'other.txt': `${made}` })
  }
}

/** What a person, or another program, makes of the fields of one entry; null: they are gone. */
function editOf(text: string, of: string, message: string | null): string {
  const entry = new RegExp(`(claimRef: default/${of}\\n)(?: +(?:statusMessage|lastCheckedAt):.*\\n)*`)
  return text.replace(entry, message === null ? '$1' : `$1    statusMessage: ${message}\n`)
}

/** A commit of somebody else at the head of our branch, that nobody merged. */
function theirsOn(house: FileHouse): string | null {
  const { repository } = house.forge
  const head = repository.branches.get(ourBranch)
  if (head === undefined || repository.commits.get(head)!.author.name !== human.name) return null
  const newest = repository.requests.filter(({ from }) => from === ourBranch).at(-1)
  return newest?.state === 'merged' ? null : head
}

async function pass(house: FileHouse, after: number): Promise<void> {
  const { repository } = house.forge
  const theirs = theirsOn(house)
  const calls = await house.callsOf(() => house.pass(after))
  assert.ok(calls.length <= 8, calls.join(' '))
  assert.ok(house.open().length <= 1)
  for (const branch of repository.branches.keys()) assert.ok(['main', ourBranch].includes(branch), branch)
  if (theirs !== null) assert.equal(repository.branches.get(ourBranch), theirs, 'a commit of somebody else is gone')
  for (const { comments } of repository.requests) assert.ok(comments.length <= 1)
}

/** Faults end, and people leave it alone: what is told then is proposed, merged, and that is all. */
async function settle(house: FileHouse, requests: boolean): Promise<void> {
  const { repository } = house.forge
  const hour = 3_601_000
  house.forge.mend()
  // Where nothing tells whose it is, a person has to say.
  const forgotten = !requests && repository.branches.has(ourBranch)
  if (forgotten || theirsOn(house) !== null) repository.set(ourBranch, null)
  for (const [n, one] of names.entries()) house.tell(`default/${one}`, `last ${n}`)
  for (let n = 0; n < 6; n += 1) await pass(house, hour)
  const said = (branch: string) =>
    names.map((_, n) => new RegExp(`statusMessage: "?last ${n}"?\n`).test(house.text(branch)!))
  assert.deepEqual(
    said(ourBranch),
    names.map(() => true),
  )
  assert.match(house.text(ourBranch)!, /^# claims of one\n/)
  if (requests) {
    assert.equal(house.open().length, 1)
    repository.merge(house.open()[0]!, { removeBranch: false })
  } else repository.push('main', { [registryPath]: house.text(ourBranch)! })
  for (let n = 0; n < 2; n += 1) await pass(house, hour)
  assert.deepEqual(
    said('main'),
    names.map(() => true),
  )
  assert.deepEqual([...repository.branches.keys()], ['main'])
  assert.deepEqual(house.open(), [])
  assert.equal(await house.owed(), null)
  assert.deepEqual(await house.callsOf(() => pass(house, hour)), ['head'])
}

/** Throws with what is wrong, and the shortest history that shows it. */
export async function anyHistory({ requests, runs, seed }: Histories): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const house = createFileHouse({ requests, files: { [registryPath]: clusterMap(names) } })
      for (const one of acts) {
        if (one.is === 'pass') await pass(house, one.after)
        else perform(house, one)
      }
      await settle(house, requests)
    }),
    { numRuns: runs, ...(seed !== undefined && { seed }) },
  )
}

export interface Histories {
  /** false: at a place that has only branches. */
  readonly requests: boolean
  readonly runs: number
  readonly seed?: number
}
