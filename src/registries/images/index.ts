/** The images registry: tags of container images → deploys. */
import type { Registry } from '../registry.ts'
import { ImagesConfig } from './config.ts'
import { imageTables } from './tables.ts'

export const images: Registry<ImagesConfig> = {
  name: 'images',
  config: ImagesConfig,
  tables: imageTables as unknown as Registry['tables'],
  async build(config, parts) {
    // Engines and clusters need libraries that no other command should wait for.
    const { buildImages } = await import('./build.ts')
    return buildImages(config, parts)
  },
}
