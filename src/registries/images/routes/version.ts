/** The version that a person names: a tag as the registry has it now, or a tag with its digest. */
import { createDeadline } from '../../../kernel/deadline.ts'
import type { Digest } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Stage } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'
import type { Asked } from './asked.ts'

export interface Named {
  readonly tag: string
  readonly digest: Digest
}

const lookBound = 30_000

export function registryOf({ registries }: Pick<Asked, 'registries'>, name: string): ImageRegistry {
  const found = registries.get(name)
  if (found !== undefined) return found
  const known = [...registries.keys()].join(', ') || 'none'
  throw new AppError('request.not-found', `There is no registry ${name}; the configuration has ${known}.`)
}

/** `v1.2.3`, or `v1.2.3@sha256:…` for one whose tag has moved since. */
export async function versionOf(parts: Asked, stage: Stage, given: string, signal: AbortSignal): Promise<Named> {
  const [tag = '', digest] = given.split('@', 2)
  if (!/^\w[\w.-]{0,127}$/.test(tag) || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))) {
    throw new AppError('request.invalid', `${given} is no version; write TAG, or TAG@sha256:….`)
  }
  if (digest !== undefined) return { tag, digest }
  const registry = registryOf(parts, stage.registry)
  const deadline = createDeadline(parts.clock, lookBound, signal, `of ${stage.registry}`)
  try {
    const found = await deadline.within(registry.digestOf(stage.image, tag, deadline.signal))
    // Without a digest that is known before it never says unchanged.
    if (found === null || found === 'unchanged') throw noTag(stage, tag)
    if (stage.platform === null) return { tag, digest: found }
    const own = await deadline.within(registry.platformDigest(stage.image, found, stage.platform, deadline.signal))
    if (own === null) throw noTag(stage, tag, ` for ${stage.platform.os}/${stage.platform.architecture}`)
    return { tag, digest: own }
  } finally {
    deadline.end()
  }
}

function noTag({ registry, image }: Stage, tag: string, more = ''): AppError {
  const next = `\`regista images tags ${registry} ${image}\` lists what there is`
  return new AppError('request.not-found', `${image} has no tag ${tag}${more} in ${registry}; ${next}.`)
}
