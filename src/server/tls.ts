/** Certificates that are renewed under a running server. */
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Clock, Ms } from '../kernel/clock.ts'
import { AppError, messageOf } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import type { ServerSettings } from './settings.ts'

export interface Certificates {
  readonly current: SecureContextOptions
  /** What cannot change under a running server. */
  readonly policy: { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }
  /** Gives the server every later pair too. */
  serve(server: Server): void
  stop(): void
}

/** Read rather than watched: renewed secrets arrive as swapped links, which watching misses on some file systems. */
const readEvery: Ms = 5000

export async function loadCertificates(
  paths: NonNullable<ServerSettings['tls']>,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Certificates> {
  const stopping = new AbortController()
  const servers: TlsServer[] = []
  let current = await readPair(paths).catch((thrown: unknown) => {
    throw new AppError('config.invalid', `server.tls: ${messageOf(thrown)}`, { cause: thrown })
  })

  async function follow(): Promise<void> {
    for (;;) {
      await clock.sleep(readEvery, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        const next = await readPair(paths)
        if (same(next, current)) continue
        current = next
        // Open connections keep the context they began with.
        for (const server of servers) server.setSecureContext(next)
        logger.info({ cert: paths.cert }, 'certificate read again')
      } catch (thrown) {
        // Half written, or the key is not there yet: the old pair serves until both fit.
        logger.warn({ err: thrown, cert: paths.cert }, 'changed certificate cannot be used yet')
      }
    }
  }
  void follow()

  return {
    current,
    policy: { requestCert: paths.client_ca !== undefined, rejectUnauthorized: paths.client_ca !== undefined },
    serve: (server) => void servers.push(server as TlsServer),
    stop: () => stopping.abort(),
  }
}

async function readPair(paths: NonNullable<ServerSettings['tls']>): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    readFile(paths.cert, 'utf8'),
    readFile(paths.key, 'utf8'),
    paths.client_ca === undefined ? undefined : readFile(paths.client_ca, 'utf8'),
  ])
  const pair = { cert, key, ...(ca !== undefined && { ca }) }
  // Throws when the two do not belong together.
  createSecureContext(pair)
  return pair
}

function same(a: SecureContextOptions, b: SecureContextOptions): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca
}
