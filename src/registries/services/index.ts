/** The services registry: pollers, agents and checkers, their lifecycle and their heartbeats. */
import type { Registry } from '../registry.ts'
import { ServicesConfig } from './config.ts'
import { jobRuns, livenessLog, preservations, quarantine, samples, senders, services as rows } from './tables.ts'

export const services: Registry<ServicesConfig> = {
  name: 'services',
  config: ServicesConfig,
  tables: [rows, livenessLog, quarantine, senders, preservations, jobRuns, samples],
  async build(config, parts) {
    const { buildServices } = await import('./build.ts')
    return buildServices(config, parts)
  },
}
