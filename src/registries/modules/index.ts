/** The modules registry: what container registries release → what documentation builders show. */
import type { Registry } from '../registry.ts'
import { ModulesConfig } from './config.ts'

export const modules: Registry<ModulesConfig> = {
  name: 'modules',
  config: ModulesConfig,
  tables: [],
  async build(config, parts) {
    // Registries, archives and clusters need libraries that no other command should wait for: 50 MB, 0.1 s.
    const { buildModules } = await import('./build.ts')
    return buildModules(config, parts)
  },
}
