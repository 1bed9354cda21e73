/**
 * The intake: statuses that informers send, judged in memory and durable before anybody is told so. What is known
 * already costs no write and no question to the ledger.
 */
import type { Journal, Seq } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { dropForgotten } from './forgotten.ts'
import { createHoldings, type Held, type HeldCluster, type Holdings } from './held.ts'
import { judge, remove, type JudgeParts, type Limits, type Verdict } from './judge.ts'
import { createLedgerCopy, type Written } from './ledger.ts'
import { createRounds, type Work } from './rounds.ts'
import { sweepTombstones } from './sweep.ts'
import type { Told } from './told.ts'

export interface StatusesOptions {
  readonly sync: string
  readonly journal: Journal
  readonly limits: Limits
  /** When this process began. */
  readonly since: Instant
}

/** All that one cluster has. */
export interface Whole {
  readonly cluster: string
  readonly told: readonly Told[]
  /** null: when it arrived. */
  readonly observedAt: Instant | null
  /** Only objects of these; null: everything. */
  readonly of: readonly { readonly group: string; readonly kind: string }[] | null
}

export interface Statuses {
  /**
   * Resolves when all of it is durable, one verdict each, in order. Rejects as the journal does: some of it may be
   * written then, and saying all of it again is right.
   */
  tell(told: readonly Told[], by: string, at: Instant): Promise<readonly Verdict[]>
  /** As `tell`; what else is held of the cluster, and was not observed after, is gone: how many that were. */
  tellWhole(whole: Whole, by: string, at: Instant): Promise<Judged>
  /** A sign of life, where this cluster is known. */
  heard(cluster: string, at: Instant): void
  /** What is held; reads it first. */
  clusters(): Promise<ReadonlyMap<string, HeldCluster>>
  /** What came to be as it is after a position, also what is gone, and the position up to which that is all. */
  changedSince(since: Seq): Promise<{ readonly found: readonly Held[]; readonly upto: Seq }>
  /** Lets go of what has been gone for long, as far as the loop has heard of it. */
  sweep(upto: Seq, now: Instant): Promise<void>
  /** Grows with everything that `clusters` shows. */
  version(): number
}

export function createStatuses({ sync, journal, limits, since }: StatusesOptions): Statuses {
  const holdings = createHoldings()
  const copy = createLedgerCopy({ sync, journal, holdings })
  let loading: Promise<void> | null = null
  let loaded = false

  async function load(): Promise<void> {
    await dropForgotten(journal, sync)
    await copy.readAll()
    loaded = true
  }

  function begin(): Promise<void> {
    loading ??= load().catch((thrown: unknown) => {
      loading = null
      throw thrown
    })
    return loading
  }

  /** Judges, writes what is new, and waits for that and for what others are still writing of the same. */
  async function runAlone(work: Work<Judged>): Promise<Judged> {
    while (copy.isDoubtful()) await copy.readDoubtful()
    const changes: Written[] = []
    const done = work(changes)
    const waits = new Set<Promise<unknown>>()
    for (const { held } of done.verdicts) if (held !== undefined && held.pending !== null) waits.add(held.pending)
    if (changes.length > 0) waits.add(copy.write(changes))
    if (waits.size > 0) await Promise.all(waits)
    return done
  }

  const run = journal.shared === true ? createRounds(copy) : runAlone
  const partsOf = (changes: Written[]) => ({ sync, holdings, limits, since, changes })

  return {
    async tell(told, by, at) {
      if (!loaded) await begin()
      const work = (changes: Written[]): Judged => {
        const parts = partsOf(changes)
        return { verdicts: told.map((one) => judge(parts, one, by, at)), removed: 0 }
      }
      return (await run(work)).verdicts
    },
    async tellWhole(whole, by, at) {
      if (!loaded) await begin()
      return run((changes) => replaceAll(partsOf(changes), whole, by, at))
    },
    heard(name, at) {
      const cluster = holdings.cluster(name)
      if (cluster !== undefined) cluster.heardAt = at
    },
    async clusters() {
      await begin()
      if (journal.shared === true) await copy.follow()
      return holdings.clusters
    },
    async changedSince(since) {
      await begin()
      if (journal.shared !== true) return settledSince(holdings, since)
      // Of what was written up to here, all is read: also what others wrote.
      const { seq } = await journal.head()
      await copy.follow()
      return { found: allOf(holdings).filter((held) => held.seq > since), upto: seq }
    },
    async sweep(upto, now) {
      await begin()
      await sweepTombstones({ sync, journal, holdings }, upto, now)
    },
    version: holdings.version,
  }
}

function allOf({ clusters }: Holdings): Held[] {
  return [...clusters.values()].flatMap(({ plain, objects }) => [...plain.values(), ...objects.values()])
}

/**
 * What is just being written comes after it has been. Until then nothing past what the ledger has of it is complete:
 * the writing may fail, and then that counts again.
 */
function settledSince(holdings: Holdings, since: Seq): { found: readonly Held[]; upto: Seq } {
  const found: Held[] = []
  let upto = since
  let unsettled = Number.MAX_SAFE_INTEGER
  for (const held of allOf(holdings)) {
    if (held.seq <= since) continue
    if (held.pending !== null) {
      unsettled = Math.min(unsettled, held.seq)
      continue
    }
    found.push(held)
    upto = Math.max(upto, held.seq)
  }
  return { found, upto: Math.min(upto, unsettled - 1) }
}

interface Judged {
  readonly verdicts: readonly Verdict[]
  readonly removed: number
}

function replaceAll(
  parts: JudgeParts,
  { cluster: name, told, observedAt, of }: Whole,
  by: string,
  at: Instant,
): Judged {
  const { holdings } = parts
  const upto = Math.min(observedAt ?? at, at)
  const kinds = of && new Set(of.map(({ group, kind }) => `${group}\0${kind}`))
  const isMeant = ({ object }: Held) =>
    kinds === null || (object !== null && kinds.has(`${object.group}\0${object.kind}`))
  const verdicts = told.map((one) => judge(parts, one, by, at))
  const home = holdings.cluster(name)
  if (home === undefined) return { verdicts, removed: 0 }
  home.heardAt = at
  const named = new Set(told.map((one) => holdings.find(home, one)))
  let removed = 0
  for (const held of [...home.plain.values(), ...home.objects.values()]) {
    if (held.state === 'gone' || named.has(held) || held.observedAt > upto || !isMeant(held)) continue
    remove(parts, home, held, { observedAt: upto, by, at })
    removed += 1
  }
  return { verdicts, removed }
}
