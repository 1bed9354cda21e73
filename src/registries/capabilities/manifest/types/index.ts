/** Every type of capability, in the order in which they are looked for: a manifest with both blocks is a service. */
import { pattern } from './pattern.ts'
import { service } from './service.ts'
import type { CapabilityType } from './type.ts'

export type { CapabilityType } from './type.ts'

export const capabilityTypes: readonly CapabilityType[] = [service, pattern]
