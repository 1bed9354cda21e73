/** What is held of all claims, in memory: by it a post is judged without asking the ledger. */
import type { Stored } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { keyOf, namesOf, type ClaimStatus, type Health, type ObjectName } from '../model.ts'
import type { Told } from './told.ts'
import type { ClaimStatusRow } from '../tables.ts'

/** A claim; also one that is gone, as long as something older about it might come. */
export interface Held extends ClaimStatus {
  readonly key: string
  claimRef: string
  message: string
  health: Health | null
  observedAt: Instant
  generation: number | null
  state: 'live' | 'gone'
  by: string
  /** When it was received last, also where nothing was new. */
  at: Instant
  /** Position in the ledger; 0: not there yet. */
  seq: number
  /** Being written: whoever is told that this is held waits for it. */
  pending: Promise<unknown> | null
}

export interface HeldCluster {
  readonly name: string
  /** By claimRef: of those who named no object. */
  readonly plain: Map<string, Held>
  readonly objects: Map<string, Held>
  /** Objects by their claimRef. */
  readonly refs: Map<string, Held[]>
  heardAt: Instant
  /** `heardAt` as the ledger has it. */
  writtenAt: Instant | null
  live: number
}

export interface Holdings {
  readonly clusters: ReadonlyMap<string, HeldCluster>
  /** Live claims of all clusters. */
  live(): number
  cluster(name: string): HeldCluster | undefined
  addCluster(name: string, heardAt: Instant): HeldCluster
  find(cluster: HeldCluster, told: Pick<Told, 'claimRef' | 'object'>): Held | undefined
  add(cluster: HeldCluster, held: Held): void
  setState(cluster: HeldCluster, held: Held, state: Held['state']): void
  /** An object goes by another claimRef now. */
  rename(cluster: HeldCluster, held: Held, claimRef: string): void
  /** As the ledger has it now. */
  learn(row: Stored<ClaimStatusRow>): void
  /** The ledger has no such row. */
  unlearn(held: Held): void
  /** Whether it had nothing any more, and is gone. */
  dropEmpty(cluster: string): boolean
  /** Grows with everything that a list of claims shows. */
  version(): number
  touched(): void
}

const nameIn = ({ group, kind, namespace, name }: ObjectName): string => `${group}\0${kind}\0${namespace}\0${name}`

export function createHoldings(): Holdings {
  const clusters = new Map<string, HeldCluster>()
  let live = 0
  let version = 0

  function addCluster(name: string, heardAt: Instant): HeldCluster {
    const made: HeldCluster = {
      name,
      plain: new Map(),
      objects: new Map(),
      refs: new Map(),
      heardAt,
      writtenAt: null,
      live: 0,
    }
    clusters.set(name, made)
    return made
  }

  const find: Holdings['find'] = (cluster, { claimRef, object }) =>
    object === null ? cluster.plain.get(claimRef) : cluster.objects.get(nameIn(object))

  function count(cluster: HeldCluster, by: 1 | -1): void {
    live += by
    cluster.live += by
  }

  function add(cluster: HeldCluster, held: Held): void {
    if (held.object === null) {
      cluster.plain.set(held.claimRef, held)
    } else {
      cluster.objects.set(nameIn(held.object), held)
      const others = cluster.refs.get(held.claimRef)
      if (others === undefined) cluster.refs.set(held.claimRef, [held])
      else others.push(held)
    }
    if (held.state === 'live') count(cluster, 1)
    version += 1
  }

  function unlearn(held: Held): void {
    const cluster = clusters.get(held.cluster)
    if (cluster === undefined || find(cluster, held) !== held) return
    if (held.state === 'live') count(cluster, -1)
    version += 1
    if (held.object === null) {
      cluster.plain.delete(held.claimRef)
      return
    }
    cluster.objects.delete(nameIn(held.object))
    const others = (cluster.refs.get(held.claimRef) ?? []).filter((other) => other !== held)
    if (others.length === 0) cluster.refs.delete(held.claimRef)
    else cluster.refs.set(held.claimRef, others)
  }

  return {
    clusters,
    live: () => live,
    cluster: (name) => clusters.get(name),
    addCluster,
    find,
    add,
    setState(cluster, held, state) {
      if (held.state !== state) count(cluster, state === 'live' ? 1 : -1)
      held.state = state
    },
    rename(cluster, held, claimRef) {
      unlearn(held)
      held.claimRef = claimRef
      add(cluster, held)
    },
    learn(row) {
      const held = heldOf(row)
      if (held === null) return
      const cluster = clusters.get(held.cluster) ?? addCluster(held.cluster, held.at)
      const before = find(cluster, held)
      if (before !== undefined) unlearn(before)
      add(cluster, held)
    },
    unlearn,
    dropEmpty(name) {
      const cluster = clusters.get(name)
      return cluster !== undefined && cluster.plain.size + cluster.objects.size === 0 && clusters.delete(name)
    },
    version: () => version,
    touched() {
      version += 1
    },
  }
}

/** null: no key of a claim. */
export function heldOf(row: Stored<ClaimStatusRow>): Held | null {
  const names = namesOf(row.key)
  if (names === null) return null
  const { key, state, message, health, observedAt, generation, by, at, seq } = row
  return {
    ...names,
    claimRef: typeof row.claimRef === 'string' ? row.claimRef : names.claimRef,
    key,
    state,
    message: typeof message === 'string' ? message : '',
    health,
    observedAt,
    generation,
    by,
    at,
    seq,
    pending: null,
  }
}

export function rowOf(sync: string, held: Held): ClaimStatusRow {
  const { key, state, claimRef, object, message, health, observedAt, generation, by, at } = held
  const said = object === null ? claimRef : `${object.namespace}/${object.name}`
  return {
    sync,
    key,
    state,
    claimRef: said === claimRef ? null : claimRef,
    message,
    health,
    observedAt,
    generation,
    by,
    at,
  }
}

/** Not yet held anywhere. */
export function newHeld(told: Told): Held {
  const { cluster, claimRef, object } = told
  return {
    cluster,
    claimRef,
    object,
    key: keyOf(told),
    message: '',
    health: null,
    observedAt: 0,
    generation: null,
    state: 'gone',
    by: '',
    at: 0,
    seq: 0,
    pending: null,
  }
}
