/** Many tags at the price of one image. */
import type { FakeWithApi } from '../../../../connectors/oci/testing/fake-beside.ts'
import type { FakeRegistry } from '../../../../connectors/oci/testing/fake-registry.ts'
import { imageWith } from './contract.ts'

export async function fill(place: FakeWithApi | FakeRegistry, image: string, tags: readonly string[]): Promise<void> {
  const built = await imageWith(image)
  for (const tag of tags) await place.put(image, tag, built)
}

export const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => `v${String(from + at).padStart(6, '0')}`)

export const never = new AbortController().signal
