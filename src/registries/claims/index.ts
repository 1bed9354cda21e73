/** The claims registry: the status of Crossplane claims in many clusters → a registry file in Git. */
import type { Registry } from '../registry.ts'
import { ClaimsConfig } from './config.ts'
import { claimClusters, claimStatuses } from './tables.ts'

export const claims: Registry<ClaimsConfig> = {
  name: 'claims',
  config: ClaimsConfig,
  tables: [claimStatuses, claimClusters],
  async build(config, parts) {
    // Forges and clusters need libraries that no other command should wait for.
    const { buildClaims } = await import('./build.ts')
    return buildClaims(config, parts)
  },
}
