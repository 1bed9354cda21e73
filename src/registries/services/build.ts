/** Puts the parts of the registry together. */
import type { Built, Parts } from '../registry.ts'
import type { ServicesConfig } from './config.ts'

export function buildServices(_config: ServicesConfig, _parts: Parts): Promise<Built> {
  return Promise.resolve({ syncs: [], routes: [] })
}
