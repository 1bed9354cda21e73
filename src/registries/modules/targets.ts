/** The targets of a sync, as its configuration names them. */
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { createDocsBuilder, type BuilderCall, type Documents } from '../../connectors/docs-builder/client.ts'
import { createKubernetes } from '../../connectors/kubernetes/client.ts'
import { inCluster } from '../../connectors/kubernetes/in-cluster.ts'
import { fromKubeconfig } from '../../connectors/kubernetes/kubeconfig.ts'
import type { Target, TargetSet } from '../../engine/target.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import { createBuilderTarget } from './target-builder.ts'
import { createFolderTarget } from './target-folder.ts'
import { joinTargets } from './target-sets.ts'
import { createLeasedBuilders, type LeasedBuilder, type LeasedBuilders } from './builders.ts'
import { leasesQuery, type ShownLease } from './builders-lease.ts'
import type { LeasesConfig, SyncConfig } from './config.ts'
import type { ModuleDocument } from './model.ts'

export interface TargetParts {
  readonly clock: Clock
  readonly random: Random
  /** Where relative paths are meant from. */
  readonly base: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The archive from its beginning, anew each time. */
  readonly open: (archive: string) => Promise<Readable>
  readonly newId: () => string
  readonly observe?: (call: BuilderCall) => void
}

export interface OpenBuilder {
  readonly target: string
  readonly address: string
  /** What it held when it was looked at last; null: it was not, or it cannot tell. */
  seen(): Documents | null
}

export interface OpenTargets {
  readonly set: TargetSet<ModuleDocument>
  /** For people: those that are open now, and all leases, also those that name no builder. */
  builders(): readonly OpenBuilder[]
  leases(): readonly ShownLease[]
  close(): Promise<void>
}

export function openTargets({ targets, build_timeout: build }: SyncConfig, parts: TargetParts): OpenTargets {
  const fixed: Target<ModuleDocument>[] = []
  const sets: LeasedBuilders[] = []
  const builders = new Map<string, OpenBuilder>()
  for (const [name, given] of Object.entries(targets)) {
    const how = { build, prune: given.prune_unknown, builders }
    if (given.leases !== undefined) sets.push(leasedBuilders(name, given.leases, how, parts))
    if (given.address !== undefined) fixed.push(builderOf(name, given.address, how, parts))
    if (given.folder !== undefined) fixed.push(folderOf(name, given.folder, parts))
  }
  return {
    set: joinTargets(fixed, sets),
    builders: () => [...builders.values()],
    leases: () => sets.flatMap((set) => set.leases()),
    async close() {
      await Promise.all([...sets, ...fixed].map(async (one) => one.close?.()))
    },
  }
}

function leasedBuilders(name: string, given: LeasesConfig, how: Builders, parts: TargetParts): LeasedBuilders {
  return createLeasedBuilders({
    name,
    clock: parts.clock,
    random: parts.random,
    watch: (signal) => watchLeases(given, parts, signal),
    open: (builder) => builderOf(builder.name, builder.address, how, parts, builder),
  })
}

/** The cluster is opened with the watch, so that one that cannot be reached yet, or a file that is put right, is no end. */
async function* watchLeases(given: LeasesConfig, parts: TargetParts, signal: AbortSignal) {
  const { clock, random, base, env } = parts
  const { kubeconfig, context } = given
  const cluster =
    kubeconfig === undefined
      ? await inCluster({ env, clock })
      : await fromKubeconfig({ file: resolve(base, kubeconfig), clock, ...(context !== undefined && { context }) })
  const namespace = given.namespace ?? cluster.namespace
  if (namespace === null) throw new AppError('config.invalid', 'name the namespace of the leases')
  const kubernetes = createKubernetes({ cluster, clock, random })
  try {
    yield* kubernetes.listWatch(leasesQuery(namespace), signal)
  } finally {
    await kubernetes.close()
  }
}

function folderOf(name: string, folder: string, { base, open }: TargetParts): Target<ModuleDocument> {
  return createFolderTarget({ name, folder: resolve(base, folder), open })
}

/** Noted among the builders until it is closed. */
function builderOf(
  name: string,
  address: string,
  { build, prune, builders }: Builders,
  parts: TargetParts,
  who: Pick<LeasedBuilder, 'identity' | 'newcomer'> = { identity: address, newcomer: false },
): Target<ModuleDocument> {
  const { clock, observe, open, newId } = parts
  const { identity, newcomer } = who
  const bounds = build === undefined ? {} : { build }
  const builder = createDocsBuilder({ address, clock, bounds, ...(observe && { observe }) })
  const target = createBuilderTarget({ name, builder, identity, newcomer, open, newId, pruneUnknown: prune })
  const noted: OpenBuilder = { target: name, address: builder.host, seen: () => target.seen() }
  builders.set(name, noted)
  return {
    ...target,
    async close() {
      // Another one may have come under its name.
      if (builders.get(name) === noted) builders.delete(name)
      await target.close?.()
    },
  }
}

interface Builders {
  readonly build: Ms | undefined
  readonly prune: boolean
  readonly builders: Map<string, OpenBuilder>
}
