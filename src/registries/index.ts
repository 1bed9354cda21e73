/** Every registry. Adding one: a folder beside this file, and a line here. */
import { capabilities } from './capabilities/index.ts'
import { claims } from './claims/index.ts'
import { images } from './images/index.ts'
import { modules } from './modules/index.ts'
import type { Registry } from './registry.ts'
import { services } from './services/index.ts'

export const registries: readonly Registry[] = [capabilities, modules, images, claims, services]
