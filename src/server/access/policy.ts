import { AppError } from '../../kernel/errors.ts'
import type { ServerSettings } from '../settings.ts'
import { isLoopback } from './addresses.ts'

/** Callers without a token may do everything. */
export function isOpen(settings: ServerSettings): boolean {
  return settings.auth !== 'tokens'
}

/**
 * Only this machine may be served without access control; anything else has to be written out. A
 * proxy in front makes the whole network look like this machine.
 */
export function refuseOpenDoors(settings: ServerSettings): void {
  if (settings.auth !== undefined) return
  if (!isLoopback(settings.host)) {
    throw new AppError(
      'config.invalid',
      `server.host ${settings.host} can be reached from other machines: ` +
        'set server.auth to tokens, or to none if everybody there may do everything',
    )
  }
  if (settings.behind_proxy) {
    throw new AppError(
      'config.invalid',
      'server.behind_proxy lets other machines in: ' +
        'set server.auth to tokens, or to none if the proxy decides who may do what',
    )
  }
}
