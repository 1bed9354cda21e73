import { systemClock } from '../../../kernel/clock.ts'
import { anonymous, type Credential } from '../credential.ts'
import { createRegistry, type RegistryOptions } from '../registry.ts'
import type { ImageStore } from '../store.ts'

export interface Connection {
  readonly host: string
  /** PEM text; null: plain HTTP. */
  readonly ca: string | null
  readonly realms?: readonly string[]
  readonly credential: Credential | null
}

/** A client of a registry that a test has started, with real time and chance. */
export function connectTo(
  { host, ca, realms = [], credential }: Connection,
  more: Partial<RegistryOptions> = {},
): ImageStore {
  return createRegistry({
    host,
    realms,
    credentials: credential === null ? anonymous : () => Promise.resolve(credential),
    clock: systemClock,
    random: Math.random,
    version: '0.0.0-test',
    ...(ca === null ? { plainHttp: true } : { tls: { ca } }),
    ...more,
  })
}
