/** Opens the state of a role; another process that holds it is waited for: one that is being replaced. */
import type { Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { RoleTask } from './role.ts'

const busyBound: Ms = 30_000
const busyPoll: Ms = 250

/** `open` throws `journal.busy`; what it throws after the bound is the end. */
export async function openPatiently<T>(
  folder: string | null,
  { clock, signal, log }: RoleTask,
  open: (last: boolean) => Promise<T>,
): Promise<T> {
  const until = clock.monotonic() + busyBound
  for (let told = false; ; told = true) {
    const last = clock.monotonic() >= until || signal.aborted
    try {
      return await open(last)
    } catch (thrown) {
      if (last || !(thrown instanceof AppError && thrown.code === 'journal.busy')) throw thrown
      if (!told) log.tell('INFO', 'another process has the state; waiting for it', { folder: folder ?? '' })
      await clock.sleep(busyPoll, signal)
    }
  }
}
