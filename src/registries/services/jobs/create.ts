/** The jobs of the registry, and who runs them. */
import { join, resolve } from 'node:path'
import { createHttp, type Http } from '../../../connectors/http/client.ts'
import { proxyVariables } from '../../../connectors/http/proxy.ts'
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import { readVersion } from '../../../kernel/version.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { Preservation } from '../liveness/preservation.ts'
import type { Registrations } from '../registration/registrations.ts'
import type { Roster } from '../roster/roster.ts'
import { archiveJob } from './archive.ts'
import { eventRetentionJob } from './event-retention.ts'
import { folderExporter, urlExporter } from './export.ts'
import { markInactiveJob } from './mark-inactive.ts'
import { purgeJob } from './purge.ts'
import { createRunner, type Runner } from './runner.ts'
import { sampleJob } from './sample.ts'
import { stuckPendingJob } from './stuck-pending.ts'

export interface JobsParts {
  readonly config: ServicesConfig
  readonly roster: Roster
  readonly liveness: Liveness
  readonly registrations: Registrations
  readonly preservation: Pick<Preservation, 'decide'>
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Names this process among all that may run jobs. */
  readonly holder: string
  /** The config's folder, and this process's own. */
  readonly base: string
  readonly state: string
  readonly retention: { readonly events: Ms }
  ready(): Promise<void>
}

export function createJobs(parts: JobsParts): Runner {
  const { config, base, state, clock } = parts
  const { archive, purge, sample, stuck_pending: stuck } = config.jobs
  const logger = parts.logger.child({ part: 'jobs' })
  const http = archive.url === undefined ? null : openHttp(clock)
  const exporter =
    http === null
      ? folderExporter(archive.folder === undefined ? join(state, 'archive') : resolve(base, archive.folder))
      : urlExporter(archive.url!, { ...parts, http })
  const jobs = [
    markInactiveJob({ ...parts, logger }),
    stuckPendingJob({ ...parts, logger, config: stuck }),
    archiveJob({ ...parts, logger, exporter, config: archive }),
    purgeJob(parts, logger, purge),
    sampleJob({ ...parts, config: sample }),
    eventRetentionJob({ ...parts, kept: parts.retention.events }),
  ]
  const runner = createRunner({ ...parts, logger, jobs })
  return {
    ...runner,
    async stop() {
      await runner.stop()
      await http?.close()
    },
  }
}

function openHttp(clock: Clock): Http {
  return createHttp({
    clock,
    userAgent: `regista/${readVersion()}`,
    proxy: proxyVariables(process.env),
    connections: 2,
  })
}
