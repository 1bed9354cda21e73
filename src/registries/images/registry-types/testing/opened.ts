/** What the tests of this folder share: a registry by its settings, as the config file has them. */
import type { OpenParts } from '../../../../connectors/oci/open.ts'
import { systemClock } from '../../../../kernel/clock.ts'
import { silentLogger } from '../../../../kernel/logger.ts'
import { imageRegistry } from '../config.ts'
import type { ImageRegistry } from '../image-registry.ts'
import { openImageRegistry } from '../index.ts'

type Settings = Readonly<Record<string, unknown>>

export function opened(settings: Settings, more: Partial<OpenParts> = {}): ImageRegistry {
  return openImageRegistry('under-test', imageRegistry.parse(settings), {
    clock: systemClock,
    // Waits between attempts are as short as they can be.
    random: () => 0.01,
    logger: silentLogger,
    base: '/',
    version: '0.0.0-test',
    env: {},
    ...more,
  })
}
