/** Every registry. Adding one: a folder beside this file, and a line here. */
import type { Registry } from './registry.ts'

export const registries: readonly Registry[] = []
