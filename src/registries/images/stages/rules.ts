/** What a stage needs of registries and deployers: everything that is wrong with it, at once. */
import type { Stage } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'

/** What is there for stages to name. */
export interface Surroundings {
  readonly registries: ReadonlyMap<string, { readonly type: string; readonly times: boolean }>
  /** undefined: its own settings are wrong. */
  readonly deployers: ReadonlyMap<string, string | undefined>
}

export interface StageFault {
  /** Within the definition: ['workload']. */
  readonly path: readonly string[]
  /** What is wrong, and after a line break the next step. */
  readonly message: string
}

export function faultsOf(stage: Stage, { registries, deployers }: Surroundings): readonly StageFault[] {
  const faults: StageFault[] = []
  const refuse = (path: string, message: string) => faults.push({ path: [path], message })
  const registry = registries.get(stage.registry)
  const deployer = deployers.get(stage.deployer)
  const { strategy, range } = stage.selection
  if (registry === undefined) refuse('registry', `names no registry\n${thereAre(registries.keys())}`)
  if (!deployers.has(stage.deployer)) refuse('deployer', `names no deployer\n${thereAre(deployers.keys())}`)
  if (registry && strategy === 'pushed' && !registry.times) {
    refuse('strategy', `needs times of pushes, which registries of type ${registry.type} do not tell\nuse created`)
  }
  if (range !== null && strategy !== 'semver' && strategy !== 'auto') {
    refuse('range', 'is for the strategies semver and auto\ntake it out, or use semver')
  }
  if (deployer === 'kubernetes' && stage.workload === null) {
    refuse('workload', 'is missing: a kubernetes deployer changes one\nwrite workload: { name: shop }')
  }
  if (deployer !== undefined && deployer !== 'kubernetes' && stage.workload !== null) {
    refuse('workload', `is for kubernetes deployers, and this one is of type ${deployer}\ntake it out`)
  }
  return faults
}

/** With its image as its registry calls it, so that one repository has one name: without the host, with `library/`. */
export function settledImage(
  stage: Stage,
  registries: ReadonlyMap<string, Pick<ImageRegistry, 'host' | 'reference'>>,
): Stage {
  const registry = registries.get(stage.registry)
  if (registry === undefined) return stage
  const prefix = `${registry.host}/`
  const bare = stage.image.startsWith(prefix) ? stage.image.slice(prefix.length) : stage.image
  const reference = registry.reference(bare)
  const image = reference.startsWith(prefix) ? reference.slice(prefix.length) : bare
  return image === stage.image ? stage : { ...stage, image }
}

function thereAre(names: Iterable<string>): string {
  const known = [...names]
  return known.length === 0 ? 'there are none yet' : `there are: ${known.join(', ')}`
}
