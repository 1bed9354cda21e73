/** A job: something that is done to the registry on a schedule, as data. */
import type { ScheduleSpec } from '../../../engine/engine.ts'
import type { Fence } from '../../../engine/journal.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { JsonObject } from '../../../kernel/json.ts'

export interface Job {
  readonly name: string
  /** One line for whoever reads the list. */
  readonly about: string
  readonly schedule: ScheduleSpec
  /** The schedule counts. One that is not enabled can be asked for all the same. */
  readonly enabled: boolean
  /** Longest time of one run, after which its signal aborts. */
  readonly most: Ms
  /** May be repeated at any point: a run that was cut off is run again as a whole. */
  run(context: JobContext): Promise<JsonObject>
}

export interface JobContext {
  /** Says what it would do, and why; changes nothing. */
  readonly dryRun: boolean
  /** Aborts when the process stops, another one runs the jobs, or it takes too long. */
  readonly signal: AbortSignal
  /** Actor of its events: who asked for it, or `job:<name>`. */
  readonly by: string
  /** End of the last run that succeeded. */
  readonly succeededAt: Instant | null
  /** For what it writes. Throws `journal.fenced` once another process runs the jobs. */
  fence(): Fence
}
