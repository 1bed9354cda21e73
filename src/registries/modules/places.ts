/** The registries of a sync, as its configuration names them. */
import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { anonymous, type Credentials } from '../../connectors/oci/credential.ts'
import { createDockerConfig, type Problem } from '../../connectors/oci/docker-config.ts'
import { createLayout } from '../../connectors/oci/layout.ts'
import { placeOf as hostOf } from '../../connectors/oci/names.ts'
import { createRegistry, type ObservedRequest } from '../../connectors/oci/registry.ts'
import type { ImageStore } from '../../connectors/oci/store.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Random } from '../../kernel/retry.ts'
import { proxyVariables } from '../../connectors/http/proxy.ts'
import type { RegistryConfig } from './config.ts'
import type { Place } from './source.ts'

export interface PlaceParts {
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

const layout = 'oci-layout:'

/** Opens nothing yet but the files that the configuration names; those that cannot be read throw `config.invalid`. */
export function openPlace(given: RegistryConfig, parts: PlaceParts): Place {
  const { base } = given
  if (base.startsWith(layout)) {
    // Its last part is the repository whose tags are the modules.
    const folder = resolve(parts.base, base.slice(layout.length))
    return { base, store: createLayout({ folder: dirname(folder) }), path: basename(folder) }
  }
  const slash = base.indexOf('/')
  return { base, store: openRegistry(base.slice(0, slash), given, parts), path: base.slice(slash + 1) }
}

function openRegistry(host: string, given: RegistryConfig, parts: PlaceParts): ImageStore {
  const { clock, random, env, observe } = parts
  const { ca, rate, timeout, concurrency, mirrors, realms, plain_http: plainHttp } = given
  return createRegistry({
    host,
    clock,
    random,
    concurrency,
    realms,
    plainHttp,
    version: parts.version,
    credentials: credentialsOf(given, parts),
    proxy: proxyVariables(env),
    mirrors: mirrors.map(({ host: name, path }) => ({ host: name, ...(path !== undefined && { path }) })),
    ...(ca !== undefined && { tls: { ca: readText(resolve(parts.base, ca)) } }),
    ...(rate !== undefined && { rate }),
    ...(timeout !== undefined && { timeout }),
    ...(observe && { observe }),
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code = 'failed' } = cause as NodeJS.ErrnoException
    throw new AppError('config.invalid', `${file} cannot be read (${code})`, { cause })
  }
}

function credentialsOf(given: RegistryConfig, { base, clock, env, logger }: PlaceParts): Credentials {
  const { username, password, docker_config: file } = given
  if (username !== undefined && password !== undefined) {
    const own = hostOf(given.base.slice(0, given.base.indexOf('/')), given.plain_http).name
    // Mirrors are asked for by their own names: they are not to see the password of the registry.
    return (host) => Promise.resolve(host === own ? { username, password } : null)
  }
  if (file === undefined) return anonymous
  const report = (problem: Problem) => logger.warn({ registry: given.base, ...problem }, 'docker config')
  return createDockerConfig({ from: { file: resolve(base, file) }, clock, environment: env, report }).credentials
}
