/** Any registry that speaks the OCI distribution protocol. It tells names of tags and nothing else. */
import type { ImageRegistry } from './image-registry.ts'
import { createImageRegistry } from './create.ts'
import { placeOf } from './place.ts'
import type { OpenType } from './type.ts'

export const openOci: OpenType = (name, settings, parts): ImageRegistry => {
  const abilities = {
    times: false,
    digests: false,
    foldsCase: false,
    paging: 'link',
    remaining: 'ratelimit-remaining',
  } as const
  return createImageRegistry(name, settings, placeOf(settings, {}), { abilities }, parts)
}
