/** From settings of the config file to a registry. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Random } from '../../kernel/retry.ts'
import type { TlsTexts } from '../http/client.ts'
import { proxyVariables } from '../http/proxy.ts'
import { anonymous, type Credentials } from './credential.ts'
import { createDockerConfig, type Problem } from './docker-config.ts'
import { placeOf } from './names.ts'
import { createRegistry, type ObservedRequest, type RegistryOptions } from './registry.ts'
import type { ReachSettings } from './settings.ts'
import type { ImageStore } from './store.ts'

export interface OpenParts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where relative paths are meant from. */
  readonly base: string
  /** Of the program, for the user-agent. */
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly observe?: (request: ObservedRequest) => void
}

/** Opens nothing yet but the files that the settings name; those that cannot be read throw `config.invalid`. */
export function openRegistry(
  host: string,
  given: ReachSettings,
  parts: OpenParts,
  more: Partial<RegistryOptions> = {},
): ImageStore {
  const { clock, random, env, observe, version } = parts
  const { rate, timeout, concurrency, realms, plain_http: plainHttp } = given
  const tls = tlsOf(given, parts)
  return createRegistry({
    host,
    clock,
    random,
    concurrency,
    realms,
    plainHttp,
    version,
    credentials: credentialsOf(host, given, parts),
    proxy: proxyVariables(env),
    ...(tls && { tls }),
    ...(rate !== undefined && { rate }),
    ...(timeout !== undefined && { timeout }),
    ...(observe && { observe }),
    ...more,
  })
}

/** null: the authorities of this machine are all. */
export function tlsOf({ ca }: Pick<ReachSettings, 'ca'>, { base }: Pick<OpenParts, 'base'>): TlsTexts | null {
  return ca === undefined ? null : { ca: readText(resolve(base, ca)) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code = 'failed' } = cause as NodeJS.ErrnoException
    throw new AppError('config.invalid', `${file} cannot be read (${code})`, { cause })
  }
}

export function credentialsOf(
  host: string,
  given: Pick<ReachSettings, 'username' | 'password' | 'docker_config' | 'plain_http'>,
  { base, clock, env, logger }: Pick<OpenParts, 'base' | 'clock' | 'env' | 'logger'>,
): Credentials {
  const { username, password, docker_config: file } = given
  if (username !== undefined && password !== undefined) {
    const own = placeOf(host, given.plain_http).name
    // Mirrors are asked for by their own names: they are not to see the password of the registry.
    return (asked) => Promise.resolve(asked === own ? { username, password } : null)
  }
  if (file === undefined) return anonymous
  const report = (problem: Problem) => logger.warn({ registry: host, ...problem }, 'docker config')
  return createDockerConfig({ from: { file: resolve(base, file) }, clock, environment: env, report }).credentials
}
