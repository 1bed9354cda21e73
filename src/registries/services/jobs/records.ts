/** What is kept of jobs in the ledger: bookkeeping, written only by who holds the lease. */
import { quietly, quietPatch, type Fence, type Journal } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { jobRuns, type JobRow } from '../tables.ts'

/** Before the name of who asked another process to run a job. */
const asking = 'asked:'

/** null: it is due by its schedule alone. */
export function askedBy({ by, nextAt }: JobRow): string | null {
  return nextAt !== null && by?.startsWith(asking) ? by.slice(asking.length) : null
}

export function createRecords(journal: Journal, fence: () => Fence) {
  return {
    blank(job: string): JobRow {
      const never = { startedAt: null, endedAt: null, result: null, succeededAt: null, error: null }
      return { job, ...never, nextAt: null, by: null }
    },
    async read(): Promise<ReadonlyMap<string, JobRow>> {
      const rows = await journal.select(jobRuns)
      return new Map(rows.map(({ seq: _seq, ...row }) => [row.job, row]))
    },
    async write(row: JobRow): Promise<void> {
      await journal.commit([], { quiet: [quietly(jobRuns, row)], fence: fence() })
    },
    /** Not fenced: whoever asks does not run jobs. */
    async ask(job: string, by: string, now: Instant): Promise<void> {
      const row = await journal.get(jobRuns, { job })
      if (row === null) throw new AppError('request.conflict', `jobs are about to be run elsewhere; ask again`)
      if (row.startedAt !== null && row.endedAt === null) {
        throw new AppError('request.conflict', `job ${job} runs already`)
      }
      await journal.commit([], { quiet: [quietPatch(jobRuns, { job, nextAt: now, by: `${asking}${by}` })] })
    },
  }
}
