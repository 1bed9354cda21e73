import type { OpenParts } from '../../../connectors/oci/open.ts'
import type { ImageRegistryConfig } from './config.ts'
import type { ImageRegistry } from './image-registry.ts'

/** Opens nothing yet but the files that the settings name; those that cannot be read throw `config.invalid`. */
export type OpenType = (name: string, settings: ImageRegistryConfig, parts: OpenParts) => ImageRegistry
