/** What routes and metrics of the registry are given. */
import type { Engine } from '../../../engine/engine.ts'
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import type { Deployer } from '../deploy/deployer.ts'
import type { Deploys } from '../deploy/deploys.ts'
import type { StageKey } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'
import type { Book } from '../stages/book.ts'
import type { PollInterval } from '../stages/poll-interval.ts'
import type { Watch } from '../watch/watch.ts'

export interface ImagesParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly journal: Journal
  /** The engine, once it runs. A stage's sync is named as its deployer, and so is the one target in it. */
  readonly engine: () => Engine
  readonly book: Book
  readonly watch: Watch
  /** What is deployed, from the engine's deliveries. */
  readonly deploys: Deploys
  readonly registries: ReadonlyMap<string, ImageRegistry>
  readonly deployers: ReadonlyMap<string, DeployerFacts>
  readonly pollInterval: PollInterval
  /** The step that a deploy of a stage is at, in this process; null: none goes on here. */
  progress(key: StageKey): Progress | null
}

/** Of a deployer nothing but this is told to anybody: its settings may name secrets. */
export interface DeployerFacts extends Pick<Deployer, 'name' | 'type' | 'repeat' | 'abortable'> {
  readonly bound: Ms
  readonly looks: boolean
}

export interface Progress {
  readonly step: string
  readonly revision: string
  readonly since: Instant
  readonly stepAt: Instant
}
