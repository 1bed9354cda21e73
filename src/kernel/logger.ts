import { createRequire } from 'node:module'
import type * as Pino from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Messages are constant strings; what varies goes into the fields. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Logger
}

/** JSON lines on `to` (stderr by default: stdout belongs to what a command prints). */
export function createLogger(options: { level: LogLevel; to?: Pino.DestinationStream }): Logger {
  // Loaded here: 9 MB and 15 ms for commands that never write such a log (2026-11).
  const { pino } = createRequire(import.meta.url)('pino') as typeof Pino
  return pino(
    { level: options.level, base: null, redact: ['password', 'token', '*.password', '*.token', 'authorization'] },
    options.to ?? pino.destination({ dest: 2, sync: true }),
  )
}

const unsaid = () => {}

export const silentLogger: Logger = {
  debug: unsaid,
  info: unsaid,
  warn: unsaid,
  error: unsaid,
  child: () => silentLogger,
}
