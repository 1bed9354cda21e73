/** The builders that are kept in step: those that hold leases in the cluster, and those that flags name. */
import { randomUUID } from 'node:crypto'
import type { Target, TargetSet } from '../../../engine/target.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Random } from '../../../kernel/retry.ts'
import {
  createBuilderTarget,
  createDocsBuilder,
  createKubernetes,
  createLeasedBuilders,
  fromKubeconfig,
  inCluster,
  joinTargets,
  leasesQuery,
  type Archives,
  type BuilderCall,
  type Kubernetes,
  type LeasedBuilder,
  type LeasedBuilders,
  type ModuleDocument,
} from '../../../registries/modules/drop-in.ts'
import { Fatal } from './fatal.ts'
import type { Settings } from './flags.ts'
import type { Log } from './log.ts'
import { earOfSender } from './sender.ts'

export interface BuildersOptions {
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly observe: (call: BuilderCall) => void
}

export interface Builders {
  /** Opens each archive that is sent with `open`; to be called once. */
  targets(open: Archives['open']): TargetSet<ModuleDocument>
  /** Address of a target that was in the set, by its name. */
  addressOf(target: string): string
  /** Where they are looked for; tells one sync from another. */
  readonly watched: readonly string[]
  close(): Promise<void>
}

/** Before the names of leases. */
const leases = 'lease'

/** Throws Fatal where there is nobody to keep in step, or an address that is none. */
export async function openBuilders(options: BuildersOptions): Promise<Builders> {
  const { settings, env, clock, random } = options
  const cluster = await openCluster(options)
  const addresses = new Map<string, string>()
  let opened: readonly { close?(): Promise<void> }[] = []

  function open(name: string | null, address: string, { identity, newcomer }: Who, archive: Archives['open']) {
    const builder = earOfSender(
      options.log.named('sender'),
      createDocsBuilder({ address, clock, observe: options.observe }),
    )
    const target = createBuilderTarget({
      name: name ?? builder.host,
      builder,
      identity,
      newcomer,
      open: archive,
      newId: randomUUID,
    })
    addresses.set(target.name, builder.host)
    return settings.compat ? blind(target) : target
  }

  function leased({ kubernetes, namespace }: WatchedCluster, archive: Archives['open']): LeasedBuilders {
    return createLeasedBuilders({
      name: leases,
      clock,
      random,
      allNamespaces: namespace === null,
      watch: (signal) => kubernetes.listWatch(leasesQuery(namespace), signal),
      open: (builder) => open(builder.name, builder.address, builder, archive),
    })
  }

  return {
    watched: [cluster === null ? '' : `${cluster.server} ${cluster.namespace ?? '*'}`, ...settings.builders],
    addressOf: (target) => addresses.get(target) ?? target,
    targets(archive) {
      const sets = cluster === null ? [] : [leased(cluster, archive)]
      const fixed = settings.builders.map((address) => {
        try {
          return open(null, address, { identity: address, newcomer: false }, archive)
        } catch (thrown) {
          throw new Fatal('builder cannot be used', { builder: address, error: asAppError(thrown) })
        }
      })
      opened = [...sets, ...fixed]
      return joinTargets(fixed, sets)
    },
    async close() {
      await Promise.all(opened.map(async (one) => one.close?.()))
      await cluster?.kubernetes.close()
    },
  }

  /** Outside of a cluster, those that flags name are enough. */
  async function openCluster({ log }: BuildersOptions): Promise<WatchedCluster | null> {
    const { kubeconfig, builders, compat } = settings
    if (kubeconfig === null && !env['KUBERNETES_SERVICE_HOST'] && builders.length > 0) {
      log('info', 'not in a Kubernetes cluster: no leases are watched')
      return null
    }
    try {
      const found = await (kubeconfig === null
        ? inCluster({ env, clock })
        : fromKubeconfig({ file: kubeconfig, clock }))
      const given = env['POD_NAMESPACE'] || null
      const namespace = compat ? given : (given ?? found.namespace)
      if (namespace === null && !compat) throw new Fatal('POD_NAMESPACE is not set, and nothing else names a namespace')
      log('info', 'watch leases of builders', { cluster: found.name, namespace: namespace ?? 'all' })
      return { kubernetes: createKubernetes({ cluster: found, clock, random }), namespace, server: found.server.href }
    } catch (thrown) {
      if (thrown instanceof Fatal) throw thrown
      throw new Fatal('get kubernetes config', { error: asAppError(thrown) })
    }
  }
}

type Who = Pick<LeasedBuilder, 'identity' | 'newcomer'>

interface WatchedCluster {
  readonly kubernetes: Kubernetes
  /** null: all. */
  readonly namespace: string | null
  readonly server: string
}

/** As the original: what a builder holds is not asked, everything is sent to one that is new. */
function blind(target: Target<ModuleDocument>): Target<ModuleDocument> {
  const { look: _, ...rest } = target
  return rest
}
