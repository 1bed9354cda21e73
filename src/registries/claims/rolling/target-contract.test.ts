/** The file as a target like any other, at a forge in memory and in a real bare repository. */
import { test } from 'node:test'
import { gitOrigin } from '../../../../tests/parts/git-remote.ts'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { createMemoryForge } from '../../../connectors/forge/testing/memory-forge.ts'
import type { Forge } from '../../../connectors/forge/forge.ts'
import { forgeAt } from '../../../connectors/git/testing/forged.ts'
import { files, scratch } from '../../../connectors/git/testing/opened.ts'
import { mergeBranch, pushFile } from '../../../connectors/git/testing/people.ts'
import type { Entry, Key } from '../../../engine/source.ts'
import type { Batch } from '../../../engine/target.ts'
import { targetContract, type TargetSubject } from '../../../engine/testing/target-contract.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { digestOfStatus, keyOf, type ClaimStatus } from '../model.ts'
import { clusterMap, ourBranch, registryPath } from '../testing/file-house.ts'
import { createFileTarget } from './target.ts'

const names = ['a', 'b', 'c']
const statusOf = (name: string, n: number): ClaimStatus => ({
  cluster: 'one',
  claimRef: `default/${name}`,
  object: null,
  message: `message ${n}`,
  health: null,
  observedAt: Date.UTC(2026, 10, 21, 5, n),
})

interface Place {
  readonly forge: Forge
  merge(): void
  push(text: string): void
  text(): string
  close(): void
}

function subjectAt(place: Place): TargetSubject<ClaimStatus> {
  const live = new Map<Key, ClaimStatus>()
  const gone = new Set<Key>()
  let version = 0
  let time = 0
  const target = createFileTarget({
    name: 'file',
    forge: place.forge,
    // As the ledger has it by the time that changes are sent.
    wishes: { read: () => Promise.resolve({ live, version, withheld: new Set(), gone, removals: gone }) },
    // What was seen is never recent: here, nobody looks before changes are sent.
    clock: { ...systemClock, monotonic: () => (time += 60_000) },
    logger: silentLogger,
    base: 'main',
    path: registryPath,
    onDelete: 'remove',
    change: { title: 'chore: update claim statuses' },
    writeEvery: 0,
  })
  const note = ({ changes }: Batch<ClaimStatus>) => {
    version += 1
    for (const { key, entry } of changes) {
      if (entry) live.set(key, entry.item)
      else live.delete(key)
      if (entry) gone.delete(key)
      else gone.add(key)
    }
  }
  const entry = (key: Key, n: number): Entry<ClaimStatus> => {
    const item = statusOf(key.split('%2F')[1]!, n)
    return { key, digest: digestOfStatus(item), label: item.message, item }
  }
  return {
    target: {
      ...target,
      apply(batch, signal) {
        note(batch)
        return target.apply(batch, signal)
      },
    },
    keys: names.map((name) => keyOf(statusOf(name, 0))),
    entry,
    // oxlint-disable-next-line require-await -- as a merge at a forge would
    settle: async () => place.merge(),
    // oxlint-disable-next-line require-await -- the same
    tamper: async () => place.push(place.text().replace(/statusMessage: .*/, 'statusMessage: by hand')),
    close: async () => {
      await target.close?.()
      place.close()
    },
  }
}

/** Without a status, nothing is held. */
const registry = clusterMap(names).replaceAll(/^ +(statusMessage|lastCheckedAt):.*\n/gm, '')

function inMemory(): Place {
  const forge = createMemoryForge({ files: { [registryPath]: registry } })
  const { repository } = forge
  return {
    forge,
    merge() {
      const open = repository.requests.find(({ state }) => state === 'open')
      if (open) repository.merge(open.number)
    },
    push: (text) => void repository.push('main', { [registryPath]: text }),
    text: () => repository.text('main', registryPath)!,
    close() {},
  }
}

function inGit(): Place {
  const [origin, place] = [gitOrigin(), scratch()]
  origin.commit(files({ [registryPath]: registry }))
  return {
    forge: forgeAt(origin.folder, place.folder),
    merge() {
      const heads = origin.git('for-each-ref', '--format=%(refname:short)', 'refs/heads')
      if (heads.split('\n').includes(ourBranch)) mergeBranch(origin, ourBranch, 'main')
    },
    push: (text) => void pushFile(origin, 'main', registryPath, text),
    text: () => `${origin.git('show', `main:${registryPath}`)}\n`,
    close() {
      origin[Symbol.dispose]()
      place[Symbol.dispose]()
    },
  }
}

targetContract('a registry file with requests', () => Promise.resolve(subjectAt(inMemory())))
const skip = skipWithout('git')
if (skip) test('a registry file in plain Git', { skip }, () => {})
else targetContract('a registry file in plain Git', () => Promise.resolve(subjectAt(inGit())))
