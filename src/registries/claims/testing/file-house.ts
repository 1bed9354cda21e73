/** One sync with a registry file, joined: statuses that a test tells, a forge in memory, a ledger and a clock beside. */
import {
  createMemoryForge,
  type MemoryForge,
  type MemoryForgeOptions,
} from '../../../connectors/forge/testing/memory-forge.ts'
import { createDraft } from '../../../database/draft.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createEngine } from '../../../engine/create-engine.ts'
import type { Engine, PassReport, SyncSpec } from '../../../engine/engine.ts'
import type { Journal, Stored } from '../../../engine/journal.ts'
import { root } from '../../../engine/scope.ts'
import type { Entry, Key, Source } from '../../../engine/source.ts'
import { deliveries, engineTables, targets, type DeliveryRow } from '../../../engine/tables.ts'
import { createFakeClock, type FakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Ms } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import { fixedTargets } from '../../../engine/target.ts'
import { digestOfStatus, keyOf, type ClaimStatus } from '../model.ts'
import { createFileTarget, type FileTarget, type FileTargetOptions } from '../rolling/target.ts'
import { createWishReader } from '../rolling/wishes.ts'

export interface FileSetting {
  readonly files?: MemoryForgeOptions['files']
  readonly requests?: boolean
  readonly target?: Partial<Omit<FileTargetOptions, 'name' | 'forge' | 'wishes' | 'clock' | 'logger'>>
  readonly spec?: Partial<Pick<SyncSpec<ClaimStatus>, 'drift' | 'budget' | 'gates' | 'limits'>>
  /** Another one: what an earlier house left there. */
  readonly forge?: MemoryForge
}

export interface FileHouse {
  readonly clock: FakeClock
  readonly forge: MemoryForge
  readonly journal: Journal
  readonly engine: Engine
  readonly target: FileTarget
  /** What the source shows. */
  readonly statuses: Map<Key, ClaimStatus>
  tell(claimRef: string, message: string, more?: Partial<ClaimStatus>): Key
  drop(claimRef: string, more?: Partial<ClaimStatus>): void
  /** One whole pass, after the clock has moved on. */
  pass(after?: Ms): Promise<PassReport>
  /** Calls at the forge that this takes, by their names. */
  callsOf(work: () => Promise<unknown>): Promise<string[]>
  /** The process dies and starts anew; `forgetful`: its ledger is gone. */
  restart(options?: { readonly forgetful?: boolean }): void
  row(key: Key): Promise<Stored<DeliveryRow> | null>
  owed(): Promise<unknown>
  /** Of the registry on a branch. */
  text(branch?: string): string | null
  open(): number[]
}

export const sync = 'claims'
export const registryPath = 'claims/registry.yaml'
export const ourBranch = 'machinery-status/main'
const minute: Ms = 60_000

/** A registry as machinery-status-collector has it: one cluster, these names in the namespace default. */
export function clusterMap(names: readonly string[], cluster = 'one'): string {
  const entries = names.map((name) =>
    [
      `  - name: ${name}`,
      '    namespace: default',
      `    claimRef: default/${name}`,
      '    statusMessage: new',
      "    lastCheckedAt: '2026-01-01T00:00:00Z'",
    ].join('\n'),
  )
  return `${[`# claims of ${cluster}`, `${cluster}:`, ...entries].join('\n')}\n`
}

export function createFileHouse(setting: FileSetting = {}): FileHouse {
  const { files = { [registryPath]: clusterMap(['a', 'b', 'c']) }, requests = true } = setting
  const forge = setting.forge ?? createMemoryForge({ files, requests })
  const clock = createFakeClock()
  const statuses = new Map<Key, ClaimStatus>()
  const newJournal = () => createMemoryJournal({ clock, tables: engineTables })
  let own = clock.fork()
  let process = start(newJournal())

  function start(journal: Journal) {
    const target = createFileTarget({
      name: 'file',
      forge,
      wishes: createWishReader(journal, sync, 'file'),
      clock: own,
      logger: silentLogger,
      base: 'main',
      path: registryPath,
      change: { title: 'chore: update claim statuses' },
      ...setting.target,
    })
    return { journal, target, engine: engineOf(journal, target, sourceOf(statuses), own, clock, setting) }
  }

  const status = (claimRef: string, message: string, more: Partial<ClaimStatus> = {}): ClaimStatus => ({
    cluster: 'one',
    claimRef,
    object: null,
    message,
    health: null,
    observedAt: clock.now(),
    ...more,
  })

  return {
    clock,
    forge,
    statuses,
    get journal() {
      return process.journal
    },
    get engine() {
      return process.engine
    },
    get target() {
      return process.target
    },
    tell(claimRef, message, more) {
      const one = status(claimRef, message, more)
      statuses.set(keyOf(one), one)
      return keyOf(one)
    },
    drop: (claimRef, more) => void statuses.delete(keyOf(status(claimRef, '', more))),
    async pass(after = 5 * minute) {
      await clock.advance(after)
      return clock.drive(process.engine.pass(sync, { why: 'asked' }))
    },
    async callsOf(work) {
      const before = forge.calls.length
      await work()
      return forge.calls.slice(before).map(({ step }) => step)
    },
    restart({ forgetful = false } = {}) {
      own.stop()
      own = clock.fork()
      process = start(forgetful ? newJournal() : process.journal)
    },
    row: (key) => process.journal.get(deliveries, { sync, target: 'file', key }),
    owed: async () => (await process.journal.get(targets, { sync, target: 'file' }))?.owed ?? null,
    text: (branch = 'main') => forge.repository.text(branch, registryPath),
    open: () => forge.repository.requests.filter(({ state }) => state === 'open').map(({ number }) => number),
  }
}

/** Vouches for all that it shows, as what is pushed does. */
function sourceOf(statuses: ReadonlyMap<Key, ClaimStatus>): Source<ClaimStatus> {
  return {
    scopes: [{ scope: root }],
    absence: 'vouched',
    look: () => {
      const items = [...statuses].map(([key, item]): Entry<ClaimStatus> => {
        return { key, digest: digestOfStatus(item), label: item.message.slice(0, 40), item }
      })
      return Promise.resolve({ saw: 'complete', items })
    },
  }
}

function engineOf(
  journal: Journal,
  target: FileTarget,
  source: Source<ClaimStatus>,
  own: ReturnType<FakeClock['fork']>,
  clock: FakeClock,
  setting: FileSetting,
): Engine {
  const spec: SyncSpec<ClaimStatus> = {
    name: sync,
    registry: 'claims',
    source,
    targets: fixedTargets(target),
    schedule: {},
    firstSight: 'overwrite',
    drift: 'repair',
    ...setting.spec,
  }
  return createEngine({
    journal,
    specs: [spec as unknown as SyncSpec<never>],
    clock: own,
    random: () => 0.5,
    logger: silentLogger,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, clock, engineTables),
    holder: 'one',
  })
}
