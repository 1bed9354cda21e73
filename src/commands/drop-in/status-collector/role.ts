/** What both roles are given, and how they end. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../../kernel/clock.ts'
import type { Random } from '../../../kernel/retry.ts'
import type { Env } from './environment.ts'
import type { Log } from './log.ts'

export interface RoleTask {
  readonly env: Env
  readonly clock: Clock
  readonly log: Log
  /** Its reason is the name of the signal. */
  readonly signal: AbortSignal
}

export const random: Random = () => randomInt(2 ** 32) / 2 ** 32

/** As Go prints them. */
const names: Readonly<Record<string, string>> = { SIGINT: 'interrupt', SIGTERM: 'terminated', SIGHUP: 'hangup' }

/** Resolves once there is a signal to stop; says so. */
export async function untilSignal({ signal, log }: RoleTask): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  log.print(`received signal ${names[String(signal.reason)] ?? String(signal.reason)}, shutting down`)
}
