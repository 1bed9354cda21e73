/** What is deployed at each stage, from the engine's deliveries: kept in memory as the ledger has it. */
import type { Event, Journal, Stored } from '../../../engine/journal.ts'
import { deliveries, type DeliveryRow, type DeliveryState } from '../../../engine/tables.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { StageKey } from '../model.ts'
import type { Book } from '../stages/book.ts'
import { createFollowing } from '../stages/following.ts'

/** What the delivery of a stage holds as its receipt. */
export interface Receipt {
  readonly tag: string
  readonly digest: Digest
  readonly revision: Digest
  readonly at: Instant
  readonly took: Ms
  readonly ref?: string
  readonly detail?: string
  readonly effectId: string
  /** What ran there before, as far as it was ours; what a rollback goes back to. */
  readonly previous: { readonly tag: string; readonly digest: Digest } | null
}

export interface Deployed {
  readonly state: DeliveryState
  /** What the ledger believes to run there; null: nothing of ours. */
  readonly revision: Digest | null
  readonly tag: string | null
  /** Of the deploy of ours that brought what runs there; null where it was found there. */
  readonly receipt: Receipt | null
}

export interface Deploys {
  start(): Promise<void>
  /** As far as it is followed: a few moments old at most. */
  of(key: StageKey): Deployed | null
  /** As the ledger has it now. */
  read(key: StageKey): Promise<Deployed | null>
  close(): Promise<void>
}

export interface DeploysParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  readonly book: Pick<Book, 'stage'>
  /** Names of deployers, which are those of their syncs and targets. */
  readonly deployers: readonly string[]
}

const page = 1000

export function createDeploys(parts: DeploysParts): Deploys {
  const { journal, book } = parts
  const kept = new Map(parts.deployers.map((name) => [name, new Map<StageKey, Deployed>()]))
  const following = createFollowing({ ...parts, type: 'delivery.', take: follow })

  async function readOne(sync: string, key: StageKey): Promise<Deployed | null> {
    const row = await journal.get(deliveries, { sync, target: sync, key })
    return row && deployedOf(row)
  }

  async function follow(events: readonly Event[]): Promise<void> {
    const moved = new Map<string, readonly [string, StageKey]>()
    for (const { sync = '', key = '' } of events) if (kept.has(sync)) moved.set(`${sync} ${key}`, [sync, key])
    for (const [sync, key] of moved.values()) {
      const deployed = await readOne(sync, key)
      if (deployed) kept.get(sync)!.set(key, deployed)
      else kept.get(sync)!.delete(key)
    }
  }

  async function readAll(sync: string): Promise<void> {
    for (let after: string[] | undefined; ;) {
      const where = { sync, target: sync }
      const rows = await journal.select(deliveries, { where, order: ['key'], limit: page, ...(after && { after }) })
      for (const row of rows) kept.get(sync)!.set(row.key, deployedOf(row))
      if (rows.length < page) return
      after = [rows.at(-1)!.key]
    }
  }

  const deployerOf = (key: StageKey) => book.stage(key)?.deployer ?? ''

  return {
    async start() {
      const { seq } = await journal.head()
      for (const sync of kept.keys()) await readAll(sync)
      following.start(seq)
    },
    of: (key) => kept.get(deployerOf(key))?.get(key) ?? null,
    read: (key) => readOne(deployerOf(key), key),
    close: () => following.stop(),
  }
}

function deployedOf({ state, digest, digestLabel, receipt }: Stored<DeliveryRow>): Deployed {
  const last = receipt as unknown as Receipt | null
  return { state, revision: digest, tag: digestLabel, receipt: last?.revision === digest ? last : null }
}
