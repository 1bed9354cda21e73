/** The rolling change at GitHub itself, as far as a fake can be that: every request, every limit, and the faults between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGitHub } from '../../../connectors/github/client.ts'
import { createFakeGitHub, goodToken, type GitHubFault } from '../../../connectors/github/testing/fake-github.ts'
import { createMemoryForge } from '../../../connectors/forge/testing/memory-forge.ts'
import type { MemoryRepository } from '../../../connectors/forge/testing/memory-repository.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { messageOf } from '../../../kernel/errors.ts'
import { clusterMap, createFileHouse, ourBranch, registryPath, type FileHouse } from '../testing/file-house.ts'

const names = Array.from({ length: 60 }, (_, at) => `claim-${at}`)

function opened() {
  let house: FileHouse | null = null
  // The house has the clock, and needs the forge first.
  const clock: Clock = {
    now: () => house?.clock.now() ?? 0,
    monotonic: () => house?.clock.monotonic() ?? 0,
    sleep: (ms, signal) => house?.clock.sleep(ms, signal) ?? Promise.resolve(),
  }
  const fake = createFakeGitHub({ clock, files: { [registryPath]: clusterMap(names) } })
  const credentials = { token: goodToken }
  const github = createGitHub({
    repository: 'acme/claims',
    credentials,
    api: fake.api,
    http: fake.http,
    clock,
    random: () => 0.5,
  })
  house = createFileHouse({ forge: { ...createMemoryForge(), ...github, repository: fake.repository } })
  for (const name of names) house.tell(`default/${name}`, 'new')
  return { fake, house, repository: fake.repository }
}

/** The same numbers in each run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

const faults: readonly GitHubFault[] = [
  { is: 'status', status: 409 },
  { is: 'status', status: 422 },
  { is: 'status', status: 403, message: 'You have exceeded a secondary rate limit' },
  { is: 'status', status: 403, headers: { 'retry-after': '7' } },
  { is: 'status', status: 503 },
  { is: 'lost' },
  { is: 'lost-502' },
  { is: 'lost-hangs' },
  { is: 'broken' },
  { is: 'hangs' },
]
const targets = [
  /^GET .*branches/,
  /^GET .*pulls/,
  /trees$/,
  /commits$/,
  /graphql$/,
  /refs$/,
  /^POST .*pulls$/,
  /^PATCH/,
]

test('through faults of every kind: one request, one branch, and the right end state', async () => {
  const { fake, house, repository } = opened()
  const roll = dice(7)
  const open = () => repository.requests.find(({ state }) => state === 'open')
  const people = [
    () => void repository.push('main', { other: String(roll(1e6)) }),
    () => void repository.forcePush('main', { other: String(roll(1e6)) }),
    () => repository.branches.has(ourBranch) && repository.set(ourBranch, null),
    () => merge(repository, open()?.number),
  ]
  let last = new Map<string, string>()
  for (let pass = 1; pass <= 80; pass += 1) {
    last = new Map(last)
    for (let at = 0; at < 5; at += 1) last.set(names[roll(names.length)]!, `pass ${pass}`)
    for (const [name, message] of last) house.tell(`default/${name}`, message)
    if (pass % 4 === 0) people[roll(people.length)]!()
    fake.fail(targets[roll(targets.length)]!, faults[roll(faults.length)]!)
    await house.pass()
    assert.ok(house.open().length <= 1, `pass ${pass}: requests ${house.open().join()}`)
    assert.ok(repository.branches.size <= 2, `pass ${pass}: ${[...repository.branches.keys()].join()}`)
  }
  assert.ok(fake.pending < 40, `${fake.pending} faults were not met`)
  // What is left of them is met now, and then there are none.
  house.tell('default/claim-0', 'the end')
  last.set('claim-0', 'the end')
  const isRight = () => says(house, last) && house.open().length === 1
  for (let pass = 0; pass < 200 && !isRight(); pass += 1) await house.pass()
  assert.ok(says(house, last), house.text(ourBranch) ?? 'no branch')
  assert.equal(house.open().length, 1)
  assert.deepEqual([...repository.branches.keys()].toSorted(), [ourBranch, 'main'])
  const times = fake.calls.filter(({ method }) => method !== 'GET').map(({ at }) => at)
  assert.ok(
    times.every((at, index) => index === 0 || at - times[index - 1]! >= 1000),
    'writes a second apart',
  )
})

/** Somebody who finds a conflict leaves it. */
function merge(repository: MemoryRepository, number: number | undefined): void {
  try {
    if (number !== undefined) repository.merge(number)
  } catch (thrown) {
    assert.match(messageOf(thrown), /^conflict/)
  }
}

/** The branch says of each claim what was told last. */
function says(house: FileHouse, told: ReadonlyMap<string, string>): boolean {
  const entries = (house.text(ourBranch) ?? '').split('- name: ')
  return [...told].every(([name, message]) =>
    entries.some((entry) => entry.startsWith(`${name}\n`) && entry.includes(`statusMessage: ${message}\n`)),
  )
}

test('a pass without news is one request that costs nothing, one with news eight at most', async () => {
  const { fake, house, repository } = opened()
  const requests = async () => {
    const before = fake.calls.length
    await house.pass()
    return fake.calls.length - before
  }
  house.tell('default/claim-1', 'one')
  assert.ok((await requests()) <= 8)
  for (let pass = 0; pass < 6; pass += 1) {
    if (pass % 2 === 1) repository.push('main', { other: String(pass) })
    house.tell('default/claim-1', `news ${pass}`)
    assert.ok((await requests()) <= 8)
  }
  repository.merge(1)
  await house.pass()
  assert.equal(await requests(), 1)
  assert.equal(fake.calls.at(-1)?.status, 304)
  house.tell('default/claim-1', 'after the merge')
  assert.ok((await requests()) <= 8)
})
