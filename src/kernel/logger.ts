import { pino, type DestinationStream } from 'pino'

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
export function createLogger(options: { level: LogLevel; to?: DestinationStream }): Logger {
  return pino(
    { level: options.level, base: null, redact: ['password', 'token', '*.password', '*.token', 'authorization'] },
    options.to ?? pino.destination({ dest: 2, sync: true }),
  )
}

export const silentLogger: Logger = createLogger({ level: 'silent' })
